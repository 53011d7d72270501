// Runs an edge program: a message given as a list of element-wise instructions over leaves, reduced per row or written per
// edge. A small interpreter: each instruction is one loop over the lanes of a block, so its dispatch costs little beside it,
// and no message is ever stored. A block is some edges times a tile of features.
#pragma once

#include <cmath>

#include "kernels.h"
#include "numeric.h"
#include "rows.h"
#include "sums.h"

namespace gv {
namespace GV_ISA {
namespace {

constexpr int64_t kTile = 64;    // features of a block, at most
constexpr int64_t kLanes = 256;  // edges x features of a block, at most

template <class A> inline A exponential(A v);
template <> inline float exponential(float v) {
  // Cephes' polynomial in a form that compilers vectorise; about 1 ulp.
  const float x = v > 88.72f ? 88.72f : (v < -103.0f ? -103.0f : v);
  const float shifted = x * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // Two factors, since 2^n alone may leave the range of normal numbers.
  const int32_t whole = int32_t(n), half = whole / 2;
  const float y = p * as_float(uint32_t(half + 127) << 23) * as_float(uint32_t(whole - half + 127) << 23);
  return v > 88.72284f ? as_float(0x7f800000u) : v < -103.98f ? 0.0f : (v == v ? y : v);
}
template <> inline double exponential(double v) { return std::exp(v); }

template <class A> inline A sigmoid(A v) { return A(1) / (A(1) + exponential(-v)); }
template <class A> inline A tangent(A v) {
  // Near zero the quotient would cancel: the odd series there.
  const A s = v * v;
  const A series = v * (A(1) + s * (A(-1.0 / 3) + s * (A(2.0 / 15) + s * A(-17.0 / 315))));
  const A quotient = A(1) - A(2) / (exponential(A(2) * v) + A(1));
  return std::fabs(v) < A(0.06) ? series : quotient;
}
template <> inline double tangent(double v) { return std::tanh(v); }

// Loops of one instruction over n lanes. A compile-time n lets the compiler unroll the common widths.
template <class A, class F> inline void lanes1(A* __restrict o, const A* __restrict a, int64_t n, F f) {
  if (n == kLanes) { for (int64_t i = 0; i < kLanes; ++i) o[i] = f(a[i]); return; }
  for (int64_t i = 0; i < n; ++i) o[i] = f(a[i]);
}
template <class A, class F> inline void lanes2(A* __restrict o, const A* __restrict a, const A* __restrict b, int64_t n, F f) {
  if (n == kLanes) { for (int64_t i = 0; i < kLanes; ++i) o[i] = f(a[i], b[i]); return; }
  for (int64_t i = 0; i < n; ++i) o[i] = f(a[i], b[i]);
}

template <class T>
void execute(const Instruction& in, wide_t<T>* __restrict o, const wide_t<T>* __restrict a, const wide_t<T>* __restrict b,
             const wide_t<T>* __restrict c, int64_t n) {
  using A = wide_t<T>;
  switch (in.op) {
    case kAdd: return lanes2(o, a, b, n, [](A x, A y) { return x + y; });
    case kSub: return lanes2(o, a, b, n, [](A x, A y) { return x - y; });
    case kMul: return lanes2(o, a, b, n, [](A x, A y) { return x * y; });
    case kDiv: return lanes2(o, a, b, n, [](A x, A y) { return x / y; });
    case kMaximum: return lanes2(o, a, b, n, [](A x, A y) { return x > y || x != x ? x : y; });
    case kMinimum: return lanes2(o, a, b, n, [](A x, A y) { return x < y || x != x ? x : y; });
    case kGt: return lanes2(o, a, b, n, [](A x, A y) { return x > y ? A(1) : A(0); });
    case kGe: return lanes2(o, a, b, n, [](A x, A y) { return x >= y ? A(1) : A(0); });
    case kEq: return lanes2(o, a, b, n, [](A x, A y) { return x == y ? A(1) : A(0); });
    case kPow: return lanes2(o, a, b, n, [](A x, A y) { return std::pow(x, y); });
    case kWhere:
      for (int64_t i = 0; i < n; ++i) o[i] = a[i] != A(0) ? b[i] : c[i];
      return;
    case kNeg: return lanes1(o, a, n, [](A x) { return -x; });
    case kAbs: return lanes1(o, a, n, [](A x) { return std::fabs(x); });
    case kRelu: return lanes1(o, a, n, [](A x) { return x > A(0) || x != x ? x : A(0); });
    case kSign: return lanes1(o, a, n, [](A x) { return A(x > A(0)) - A(x < A(0)); });
    case kExp: return lanes1(o, a, n, [](A x) { return exponential(x); });
    case kLog: return lanes1(o, a, n, [](A x) { return std::log(x); });
    case kLog1p: return lanes1(o, a, n, [](A x) { return std::log1p(x); });
    case kExpm1: return lanes1(o, a, n, [](A x) { return std::expm1(x); });
    case kSqrt: return lanes1(o, a, n, [](A x) { return std::sqrt(x); });
    case kSin: return lanes1(o, a, n, [](A x) { return std::sin(x); });
    case kCos: return lanes1(o, a, n, [](A x) { return std::cos(x); });
    case kTanh: return lanes1(o, a, n, [](A x) { return tangent(x); });
    case kSigmoid: return lanes1(o, a, n, [](A x) { return sigmoid(x); });
    case kErf: return lanes1(o, a, n, [](A x) { return std::erf(x); });
    case kRound: return lanes1(o, a, n, [](A x) { return rounded<T>(x); });
  }
}

// Loops over a row whose length may be a constant. Promised that nothing overlaps, compilers vectorise those that they unroll.
template <class T, class N> inline void widen_row(const T* from, N n, wide_t<T>* __restrict to) {
  for (int64_t j = 0; j < n; ++j) to[j] = widen(from[j]);
}
template <class A, class N> inline void spread(A v, N n, A* __restrict to) {
  for (int64_t j = 0; j < n; ++j) to[j] = v;
}
template <class A, class N> inline void add_row(const A* from, N n, A* __restrict to) {
  for (int64_t j = 0; j < n; ++j) to[j] += from[j];
}
template <class T, class N> inline void narrow_row(const wide_t<T>* from, N n, T* __restrict to) {
  for (int64_t j = 0; j < n; ++j) to[j] = narrow<T>(from[j]);
}

template <class T> class Runner {
  using A = wide_t<T>;

 public:
  explicit Runner(const EdgeProgram& p) : p_(p), memory_(p.slots * kLanes * sizeof(A) + 64), slot_(p.slots) {
    // Whole cache lines: a vector that straddles two is forwarded to the next instruction's load very slowly.
    room_ = reinterpret_cast<A*>((reinterpret_cast<uintptr_t>(memory_.data()) + 63) / 64 * 64);
    for (int64_t s = 0; s < p.slots; ++s) slot_[s] = room(s);
    for (int64_t s = 0; s < p.leaves; ++s) {
      const Leaf& leaf = p.leaf[s];
      const int32_t* index = leaf.on == kOther ? p.other : leaf.on == kEdge ? p.edge : nullptr;
      if (index) ahead_.push_back({index, static_cast<const char*>(leaf.data), leaf.stride * int64_t(sizeof(T)), leaf.mode == kFull});
    }
  }

  // The program at `edges` positions from `first`, whose rows are row[0 .. edges - 1], features f .. f + width - 1.
  void block(int64_t first, int64_t edges, const int32_t* row, int64_t f, int64_t width) {
    share(edges, f, width);
    for (int64_t s = 0; s < p_.leaves; ++s) {
      const int64_t on = p_.leaf[s].on;
      if (on == kRow) stage(s, [row](int64_t e) { return int64_t(row[e]); }, edges, f, width);
      else if (on == kOther) stage(s, [this, first](int64_t e) { return at(p_.other, first + e); }, edges, f, width);
      else if (on == kEdge) stage(s, [this, first](int64_t e) { return at(p_.edge, first + e); }, edges, f, width);
      else if (on == kPosition) stage(s, [first](int64_t e) { return first + e; }, edges, f, width);
    }
    for (int64_t i = 0; i < p_.instructions; ++i) {
      const Instruction& in = p_.code[i];
      execute<T>(in, room(in.out), slot_[in.a], slot_[in.b], slot_[in.c], edges * width);
    }
  }

  // After `block`: edges x width numbers of a slot.
  const A* value(int64_t slot) const { return slot_[slot]; }

  // Asks for what the `edges` positions from `first` will read, be it for later rows.
  GV_INLINE void look_ahead(int64_t first, int64_t edges, int64_t f, int64_t width) const {
    const int64_t end = std::min(first + edges, int64_t(p_.ptr[p_.rows]));
    for (const Ahead& a : ahead_) {
      const char* data = a.data + (a.tiled ? f * int64_t(sizeof(T)) : 0);
      const int64_t bytes = a.tiled ? width * int64_t(sizeof(T)) : std::min<int64_t>(a.stride, 256);
      for (int64_t k = first; k < end; ++k) prefetch(data + a.index[k] * a.stride, bytes);
    }
  }

 private:
  struct Ahead { const int32_t* index; const char* data; int64_t stride; bool tiled; };

  A* room(int64_t s) { return room_ + s * kLanes; }

  // Leaves that are the same for all edges are staged once per feature tile.
  void share(int64_t edges, int64_t f, int64_t width) {
    if (edges <= shared_edges_ && f == shared_at_) return;
    for (int64_t s = 0; s < p_.leaves; ++s)
      if (p_.leaf[s].on == kShared) stage(s, [](int64_t) { return int64_t(0); }, edges, f, width);
    shared_edges_ = edges, shared_at_ = f;
  }

  // Copies features f .. of the rows that index(0), index(1), ... name into a leaf's slot.
  template <class Index> void stage(int64_t s, Index index, int64_t edges, int64_t f, int64_t width) {
    const Leaf& leaf = p_.leaf[s];
    const T* data = static_cast<const T*>(leaf.data);
    A* to = room(s);
    const int64_t period = leaf.period, stride = leaf.stride;
    const auto rows = [&](auto copy) {
      for (int64_t e = 0; e < edges; ++e, to += width) copy(data + index(e) * stride);
    };
    if (leaf.mode == kScalar || (leaf.mode == kFull && width == 1)) {
      const int64_t at_feature = leaf.mode == kFull ? f : 0;
      return fixed(width, [&](auto n) { rows([&](const T* row) { spread(widen(row[at_feature]), n, to); }); });
    }
    if (leaf.mode == kFull)
      return fixed(width, [&](auto n) { rows([&](const T* row) { widen_row(row + f, n, to); }); });
    if (leaf.mode == kGroups)
      return rows([&](const T* row) {  // runs of one number
        int64_t g = f / period;
        for (int64_t j = 0, stop = (g + 1) * period - f; j < width; j = stop, stop += period, ++g)
          std::fill(to + j, to + std::min(stop, width), widen(row[g]));
      });
    rows([&](const T* row) {
      for (int64_t j = 0, q = f % period; j < width; ++j, q = q + 1 == period ? 0 : q + 1) to[j] = widen(row[q]);
    });
  }

  const EdgeProgram& p_;
  std::vector<char> memory_;
  A* room_;
  std::vector<const A*> slot_;
  std::vector<Ahead> ahead_;
  int64_t shared_edges_ = -1, shared_at_ = -1;
};

// The sums, or extremes, of one row in progress: one tile of features for each output that is reduced.
template <class T, int R> class Tally {
  using A = wide_t<T>;

 public:
  explicit Tally(const EdgeProgram& p) : p_(p), value_(p.outputs * kTile), ties_(R == kSum ? 0 : kTile) { clear(); }

  void clear() {
    std::fill(value_.begin(), value_.end(), A(0));
    std::fill(ties_.begin(), ties_.end(), 0);
    opening_ = true;
  }

  // Adds the messages first .. last of a block.
  void add(const Runner<T>& run, int64_t first, int64_t last, int64_t width) {
    for (int64_t o = 0; o < p_.outputs; ++o) {
      if (p_.output[o].how == kMap) continue;
      const A* m = run.value(p_.output[o].root) + first * width;
      A* value = value_.data() + o * kTile;
      if constexpr (R == kSum) {
        fixed(width, [&](auto n) {
          for (int64_t e = first; e < last; ++e, m += n) add_row(m, n, value);
        });
      } else {
        for (int64_t e = first; e < last; ++e, m += width, opening_ = false)
          for (int64_t j = 0; j < width; ++j) {
            const auto v = rounded<T>(m[j]);
            const bool wins = opening_ || beats<R == kMax>(v, value[j]);
            ties_[j] = wins ? 1 : ties_[j] + int32_t(v == value[j]);
            value[j] = wins ? v : value[j];
          }
      }
    }
  }

  // The same from another tally of this row, over later edges.
  void merge(const Tally& next, int64_t width) {
    for (int64_t o = 0; o < p_.outputs; ++o)
      for (int64_t j = o * kTile; j < o * kTile + width; ++j) {
        A& into = value_[j];
        const A more = next.value_[j];
        if constexpr (R == kSum) { into += more; continue; }
        const bool wins = beats<R == kMax>(more, into);
        if constexpr (R != kSum) ties_[j] = wins ? next.ties_[j] : ties_[j] + (more == into ? next.ties_[j] : 0);
        into = wins ? more : into;
      }
  }

  void put(int64_t row, int64_t f, int64_t width) const {
    const int64_t count = p_.ptr[row + 1] - p_.ptr[row];
    for (int64_t o = 0; o < p_.outputs; ++o) {
      const Output& output = p_.output[o];
      if (output.how == kMap) continue;
      const A scale = output.how == kMean ? A(1) / A(std::max<int64_t>(count, 1)) : A(1);
      T* out = static_cast<T*>(output.data) + row * p_.features + f;
      for (int64_t j = 0; j < width; ++j) out[j] = narrow<T>(value_[o * kTile + j] * scale);
      if (R != kSum) std::copy_n(ties_.begin(), width, p_.ties + row * p_.features + f);
    }
  }

 private:
  const EdgeProgram& p_;
  std::vector<A> value_;
  std::vector<int32_t> ties_;
  bool opening_;
};

// The outputs that are written per edge, for the positions first .. last: features, or their sums over groups of equal length.
template <class T> class PerEdge {
  using A = wide_t<T>;

 public:
  PerEdge(const EdgeProgram& p, int64_t first, int64_t last) : p_(p), first_(first), last_(last) {
    int64_t numbers = 0;
    for (int64_t o = 0; o < p.outputs; ++o) {
      start_.push_back(numbers);
      if (p.output[o].how == kMap) numbers += p.output[o].groups * (last - first);
    }
    sums_.resize(numbers);
  }

  void add(const Runner<T>& run, int64_t k, int64_t edges, int64_t f, int64_t width) {
    for (int64_t o = 0; o < p_.outputs; ++o) {
      const Output& output = p_.output[o];
      if (output.how != kMap) continue;
      const A* m = run.value(output.root);
      if (!output.groups) {
        fixed(width, [&](auto n) {
          for (int64_t e = 0; e < edges; ++e, m += n) {
            narrow_row(m, n, static_cast<T*>(output.data) + at(output.edge, k + e) * p_.features + f);
          }
        });
        continue;
      }
      const int64_t span = p_.features / output.groups;
      A* to = sums_.data() + start_[o] + (k - first_) * output.groups;
      if (width % span == 0) {  // whole groups, of a length that is often a common one
        fixed(span, [&](auto n) {
          for (int64_t e = 0; e < edges; ++e, m += width, to += output.groups)
            for (int64_t g = 0; g * n < width; ++g) to[f / n + g] = sum(m + g * n, n);
        });
        continue;
      }
      for (int64_t e = 0; e < edges; ++e, m += width, to += output.groups)
        for (int64_t j = 0; j < width;) {
          const int64_t g = (f + j) / span, stop = std::min(width, (g + 1) * span - f);
          to[g] += sum(m + j, stop - j);
          j = stop;
        }
    }
  }

  ~PerEdge() {
    for (int64_t o = 0; o < p_.outputs; ++o) {
      const int64_t groups = p_.output[o].groups;
      if (p_.output[o].how != kMap || !groups) continue;
      const A* from = sums_.data() + start_[o];
      for (int64_t k = first_; k < last_; ++k)
        for (int64_t g = 0; g < groups; ++g) static_cast<T*>(p_.output[o].data)[at(p_.output[o].edge, k) * groups + g] = narrow<T>(*from++);
    }
  }

 private:
  const EdgeProgram& p_;
  int64_t first_, last_;
  std::vector<int64_t> start_;
  std::vector<A> sums_;
};

// The positions first .. last for one tile of features; `row` is the first's. Calls finish(row) before the first edge of a new
// row is added, with the row that is over.
template <class T, int R, class Finish>
void walk(Runner<T>& run, Tally<T, R>& tally, PerEdge<T>& per_edge, const EdgeProgram& p, int64_t first, int64_t last,
          int64_t row, int64_t f, int64_t width, Finish finish) {
  const int64_t step = kLanes / width, ahead = (kAhead + step - 1) / step * step;
  int32_t rows[kLanes];
  int64_t current = row;
  run.look_ahead(first, ahead, f, width);
  for (int64_t k = first; k < last; k += step) {
    const int64_t edges = std::min(step, last - k);
    for (int64_t e = 0; e < edges; ++e) {
      while (p.ptr[row + 1] <= k + e) ++row;
      rows[e] = int32_t(row);
    }
    run.look_ahead(k + ahead, step, f, width);
    run.block(k, edges, rows, f, width);
    if (p.reduced)
      for (int64_t e = 0; e < edges;) {
        int64_t stop = e + 1;
        while (stop < edges && rows[stop] == rows[e]) ++stop;
        for (; current < rows[e]; ++current) finish(current);
        tally.add(run, e, stop, width);
        e = stop;
      }
    if (p.mapped) per_edge.add(run, k, edges, f, width);
  }
}

template <class T, int R> void program_rows(const EdgeProgram& p) {
  const int64_t cost = p.features * (p.instructions + p.leaves);
  const auto is_heavy = [&](int64_t r) { return int64_t(p.ptr[r + 1]) - p.ptr[r] > kBlock; };
  std::vector<int64_t> heavy;
  for (int64_t r = 0; r < p.rows; ++r)
    if (is_heavy(r)) heavy.push_back(r);
  for_rows(p.ptr, p.rows, cost, p.threads, [&](int64_t begin, int64_t end) {
    Runner<T> run(p);
    Tally<T, R> tally(p);
    for (int64_t r = begin, stop; r < end; r = stop) {
      stop = r + 1;
      if (is_heavy(r)) continue;
      while (stop < end && !is_heavy(stop) && p.ptr[stop] - p.ptr[r] < 1024) ++stop;
      PerEdge<T> per_edge(p, p.ptr[r], p.ptr[stop]);
      for (int64_t f = 0; f < p.features; f += kTile) {
        const int64_t width = std::min(kTile, p.features - f);
        int64_t done = r;
        const auto finish = [&](int64_t row) { tally.put(row, f, width), tally.clear(), done = row + 1; };
        walk(run, tally, per_edge, p, p.ptr[r], p.ptr[stop], r, f, width, finish);
        if (p.reduced) while (done < stop) finish(done);
      }
    }
  });
  for (const int64_t r : heavy) {
    const int64_t first = p.ptr[r], blocks = (p.ptr[r + 1] - first + kBlock - 1) / kBlock;
    const int64_t tiles = (p.features + kTile - 1) / kTile;
    std::vector<Tally<T, R>> tally(blocks * tiles, Tally<T, R>(p));
    for_each(blocks, kBlock * cost, p.threads, [&](int64_t b) {
      Runner<T> run(p);
      const int64_t from = first + b * kBlock, to = std::min<int64_t>(from + kBlock, p.ptr[r + 1]);
      PerEdge<T> per_edge(p, from, to);
      for (int64_t t = 0; t < tiles; ++t)
        walk(run, tally[b * tiles + t], per_edge, p, from, to, r, t * kTile, std::min(kTile, p.features - t * kTile), [](int64_t) {});
    });
    for (int64_t t = 0; p.reduced && t < tiles; ++t) {
      const int64_t width = std::min(kTile, p.features - t * kTile);
      for (int64_t b = 1; b < blocks; ++b) tally[t].merge(tally[b * tiles + t], width);
      tally[t].put(r, t * kTile, width);
    }
  }
}

template <class T> void edge_program(EdgeProgram p) {
  const int64_t count = p.ptr[p.rows];
  int how = kSum;
  std::vector<Leaf> leaves(p.leaf, p.leaf + p.leaves);
  std::vector<Output> outputs(p.output, p.output + p.outputs);
  std::vector<Fresh<T>> kept;
  for (Leaf& leaf : leaves)
    if (leaf.on == kEdge && !p.edge) leaf.on = kPosition;
    else if (leaf.on == kEdge && is_short<T>(leaf.stride) && p.features) {
      kept.push_back(arranged(static_cast<const T*>(leaf.data), leaf.stride, p.edge, count, p.threads));
      leaf.on = kPosition, leaf.data = kept.back().get();
    }
  for (Output& output : outputs) {
    const bool map = output.how == kMap;
    (map ? p.mapped : p.reduced) = true;
    const int64_t width = map && output.groups ? output.groups : p.features, numbers = (map ? count : p.rows) * width;
    if (p.features == 0) std::fill_n(static_cast<T*>(output.data), numbers, narrow<T>(0));  // sums over nothing
    advise_huge(output.data, numbers * int64_t(sizeof(T)));
    if (output.how == kMax || output.how == kMin) how = int(output.how);
    output.edge = map && !(p.edge && is_short<T>(width)) ? p.edge : nullptr;
    if (map && p.edge && !output.edge) {
      kept.push_back(fresh<T>(numbers));
      output.data = kept.back().get();
    }
  }
  if (p.features == 0) return;
  if (p.ties) advise_huge(p.ties, p.rows * p.features * 4);
  const Output* given = p.output;
  p.leaf = leaves.data(), p.output = outputs.data();
  if (how == kMax) program_rows<T, kMax>(p);
  else if (how == kMin) program_rows<T, kMin>(p);
  else program_rows<T, kSum>(p);
  for (int64_t o = 0; o < p.outputs; ++o)
    if (outputs[o].data != given[o].data)
      dispersed(static_cast<const T*>(outputs[o].data), outputs[o].groups ? outputs[o].groups : p.features, p.edge, count,
                static_cast<T*>(given[o].data), p.threads);
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
