// The kernels' arguments and the table through which one instruction set's kernels are called.
// Rows are grouped edges (CSR): row r owns the positions ptr[r] .. ptr[r + 1] - 1.
#pragma once

#include <cstdint>

namespace gv {

enum Dtype : int { kFloat32 = 0, kFloat64 = 1, kBFloat16 = 2, kFloat16 = 3 };
enum Reduce : int { kSum = 0, kMean = 1, kMax = 2, kMin = 3, kMap = 4 };

// Sums and extremes over more positions than this are taken block by block, whatever the number of threads.
constexpr int64_t kBlock = 4096;

struct GatherReduce {
  int dtype, reduce;
  int64_t rows, features, groups;  // groups: weights per edge, 0 without weights
  const int32_t* ptr;
  const int32_t* x_row;  // row of x at each position; null: the position itself
  const int32_t* w_row;
  const void* x;
  const void* w;
  void* out;
  int32_t* ties;   // max and min: how many positions attain the result
  const void* a;   // null, or a row of features for every row: dots[w_row[k], g] = the dot product of a[r] and x[x_row[k]] in group g
  void* dots;
  int threads;
  // Set by kernels:
  int64_t begin = 0;     // the position of w's and dots' first row, where w_row is null
  void* norm = nullptr;  // w holds scores, see attention.h
};

struct ExtremeBackward {
  int dtype;
  int64_t rows, results, features, groups;  // results: rows of out
  const int32_t* ptr;
  const int32_t* edge;   // edge at each position; null: the position itself
  const int32_t* other;  // opposite row at each position; unused where x lies on the edges
  bool x_on_edge;
  const void* x;
  const void* w;
  const void* out;
  const void* share;    // the result's gradient, over ties if there are any
  const int32_t* ties;
  void* grad_x;
  void* grad_w;  // null without weights
  int threads;
};

struct EdgeDot {
  int dtype;
  int64_t rows, features, heads;
  const int32_t* ptr;
  const int32_t* edge;
  const int32_t* b_row;
  const void* a;
  const void* b;
  void* out;
  int threads;
};

struct SegmentSoftmax {
  int dtype;
  int64_t rows, heads;
  const int32_t* ptr;
  const int32_t* edge;
  const void* in;    // scores; backward: probabilities
  const void* grad;  // null: forward
  void* out;
  int threads;
};

struct Attention {
  int dtype;
  bool backward;
  int64_t rows, others, features, heads;
  const int32_t* ptr;
  const int32_t* other;
  const int32_t* edge;
  const void* x;       // of the others; backward: of the rows
  const void* scores;  // per edge
  void* norm;          // of the nodes where the edges arrive, in the wide type: logarithms of their sums of exponentials
  void* out;
  const void* grad;    // backward: of out, whose rows are the others
  void* grad_x;
  void* grad_scores;
  int threads;
};

// Instructions of edge programs: what becomes of the accumulator v, given what slot a holds. Comparisons leave a mask, which
// kWhere and kNumber read. grapevine/ops/edge_program/accumulator.py numbers them alike.
enum Op : int32_t {
  kLoad,                                             // a
  kAdd, kSub, kSubOf, kMul, kDiv, kDivOf,            // v + a, v - a, a - v, v * a, v / a, a / v
  kMaximum, kMinimum, kPow, kPowOf,                  // ..., v ^ a, a ^ v
  kGt, kGe, kLt, kLe, kEq, kTruth,                   // masks: v > a, ..., v != 0
  kWhere, kNumber,                                   // of a mask: slot a or slot b; 1 or 0
  kNeg, kAbs, kRelu, kSign, kExp, kLog, kLog1p, kExpm1, kSqrt, kSin, kCos, kTanh, kSigmoid, kErf, kRound,
  kEmit,                                             // v is output b: added to its sums, or stored in slot a
};
// Whose rows a leaf holds; kPosition: the edges', in the order of the positions.
enum On : int64_t { kRow, kOther, kEdge, kShared, kPosition };
enum Mode : int64_t { kFull, kScalar, kGroups, kPeriodic };  // how a row is spread over the features

struct Instruction { int32_t op, a, b, out; };  // out: the slot that takes v afterwards, or -1; slots: leaves first, then results

struct Leaf {
  int64_t on, mode;
  int64_t stride;  // numbers per row
  int64_t period;  // kGroups: features per number; kPeriodic: numbers per period
  const void* data;
};

struct Output {
  int64_t root;    // the slot that holds it
  int64_t how;     // Reduce; kMax and kMin stand alone
  int64_t groups;  // kMap: sums the features of each group; 0: no sums
  void* data;
};

struct EdgeProgram {
  int dtype;
  int64_t rows, features;
  int64_t leaves, instructions, slots, outputs;
  const Leaf* leaf;
  const Instruction* code;
  const Output* output;
  const int32_t* ptr;
  const int32_t* edge;
  const int32_t* other;
  int32_t* ties;  // max and min
  int threads;
  bool reduced = false, mapped = false;  // whether any output is; set by the kernel
};

struct Kernels {
  const char* name;
  void (*gather_reduce)(const GatherReduce&);
  void (*extreme_backward)(const ExtremeBackward&);
  void (*edge_dot)(const EdgeDot&);
  void (*segment_softmax)(const SegmentSoftmax&);
  void (*attention)(const Attention&);
  void (*edge_program)(const EdgeProgram&);
};

// The fastest kernels this processor can run, or those called by name; null for a name that was not built.
const Kernels& chosen();
bool choose(const char* name);

// Stable counting sort; returns true, leaving perm unwritten, where the index is sorted already.
bool sort_rows(const int64_t* index, int64_t count, int64_t rows, int32_t* ptr, int32_t* perm, int threads);

}  // namespace gv
