// Runs an edge program: a message given as a list of element-wise instructions over leaves, reduced per row or written per
// edge. A small interpreter: each instruction is one loop over the lanes of a block, so its dispatch costs little beside it,
// and no message is ever stored. A block is some edges times a tile of features.
#pragma once

#include <cmath>
#include <type_traits>

#include "kernels.h"
#include "numeric.h"
#include "rows.h"

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
  if (n == kTile) { for (int64_t i = 0; i < kTile; ++i) o[i] = f(a[i]); return; }
  for (int64_t i = 0; i < n; ++i) o[i] = f(a[i]);
}
template <class A, class F> inline void lanes2(A* __restrict o, const A* __restrict a, const A* __restrict b, int64_t n, F f) {
  if (n == kTile) { for (int64_t i = 0; i < kTile; ++i) o[i] = f(a[i], b[i]); return; }
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

// Calls body with the number of features as a constant where it is a common one.
template <class Body> inline void fixed(int64_t width, Body body) {
  switch (width) {
    case 1: return body(std::integral_constant<int64_t, 1>());
    case 4: return body(std::integral_constant<int64_t, 4>());
    case 8: return body(std::integral_constant<int64_t, 8>());
    case 16: return body(std::integral_constant<int64_t, 16>());
    case 32: return body(std::integral_constant<int64_t, 32>());
    case 64: return body(std::integral_constant<int64_t, 64>());
    default: return body(width);
  }
}

template <class T> class Runner {
  using A = wide_t<T>;

 public:
  explicit Runner(const EdgeProgram& p) : p_(p), memory_(p.slots * kLanes * sizeof(A) + 64), slot_(p.slots) {
    // Whole cache lines: a vector that straddles two is forwarded to the next instruction's load very slowly.
    room_ = reinterpret_cast<A*>((reinterpret_cast<uintptr_t>(memory_.data()) + 63) / 64 * 64);
    for (int64_t s = 0; s < p.slots; ++s) slot_[s] = room(s);
  }

  // The program's value at one position of `row`, features f .. f + width - 1.
  const A* single(int64_t k, int64_t row, int64_t f, int64_t width) {
    share(1, f, width);
    for (int64_t s = 0; s < p_.leaves; ++s) {
      const Leaf& leaf = p_.leaf[s];
      if (leaf.on == kShared || (leaf.on == kRow && staged_row_ == row)) continue;
      const int64_t i = leaf.on == kRow ? row : leaf.on == kOther ? at(p_.other, k) : at(p_.edge, k);
      if (std::is_same<T, A>::value && leaf.mode == kFull)
        slot_[s] = static_cast<const A*>(leaf.data) + i * leaf.stride + f;
      else
        stage(s, [i](int64_t) { return i; }, 1, f, width);
    }
    staged_row_ = row;
    return compute(width);
  }

  // The same for `edges` positions from `first`, whose rows are row[0 .. edges - 1]: edges x width numbers.
  const A* block(int64_t first, int64_t edges, const int32_t* row, int64_t f, int64_t width) {
    share(edges, f, width);
    staged_row_ = -1;
    for (int64_t s = 0; s < p_.leaves; ++s) {
      const int64_t on = p_.leaf[s].on;
      if (on == kRow) stage(s, [row](int64_t e) { return int64_t(row[e]); }, edges, f, width);
      else if (on == kOther) stage(s, [this, first](int64_t e) { return at(p_.other, first + e); }, edges, f, width);
      else if (on == kEdge) stage(s, [this, first](int64_t e) { return at(p_.edge, first + e); }, edges, f, width);
    }
    return compute(edges * width);
  }

  // Asks for what position k will read, be it of a later row.
  GV_INLINE void prefetch(int64_t k, int64_t f, int64_t width) const {
    if (k >= p_.ptr[p_.rows]) return;
    for (int64_t s = 0; s < p_.leaves; ++s) {
      const Leaf& leaf = p_.leaf[s];
      if (leaf.on != kOther && leaf.on != kEdge) continue;
      const int64_t row = leaf.on == kOther ? at(p_.other, k) : at(p_.edge, k);
      const char* to = static_cast<const char*>(leaf.data) + (row * leaf.stride + (leaf.mode == kFull ? f : 0)) * int64_t(sizeof(T));
      const int64_t bytes = std::min(leaf.mode == kFull ? width : leaf.stride, width) * int64_t(sizeof(T));
      for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(to + b);
    }
  }

 private:
  A* room(int64_t s) { return room_ + s * kLanes; }

  // Leaves that are the same for all edges are staged once per feature tile.
  void share(int64_t edges, int64_t f, int64_t width) {
    if (edges <= shared_edges_ && f == shared_at_) return;
    for (int64_t s = 0; s < p_.leaves; ++s)
      if (p_.leaf[s].on == kShared) stage(s, [](int64_t) { return int64_t(0); }, edges, f, width);
    shared_edges_ = edges, shared_at_ = f, staged_row_ = -1;
  }

  const A* compute(int64_t n) {
    for (int64_t i = 0; i < p_.instructions; ++i) {
      const Instruction& in = p_.code[i];
      execute<T>(in, room(in.out), slot_[in.a], slot_[in.b], slot_[in.c], n);
    }
    return slot_[p_.root];
  }

  // Copies features f .. of the rows that index(0), index(1), ... name into a leaf's slot.
  template <class Index> void stage(int64_t s, Index index, int64_t edges, int64_t f, int64_t width) {
    const Leaf& leaf = p_.leaf[s];
    const T* data = static_cast<const T*>(leaf.data);
    A* to = room(s);
    slot_[s] = to;
    const auto rows = [&](auto copy) {
      for (int64_t e = 0; e < edges; ++e, to += width) copy(data + index(e) * leaf.stride);
    };
    const int64_t period = leaf.period;
    if (leaf.mode == kScalar || (leaf.mode == kFull && width == 1)) {
      const int64_t at_feature = leaf.mode == kFull ? f : 0;
      return fixed(width, [&](auto n) { rows([&](const T* row) { for (int64_t j = 0; j < n; ++j) to[j] = widen(row[at_feature]); }); });
    }
    if (leaf.mode == kFull)
      return fixed(width, [&](auto n) { rows([&](const T* row) { for (int64_t j = 0; j < n; ++j) to[j] = widen(row[f + j]); }); });
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
  int64_t shared_edges_ = -1, shared_at_ = -1, staged_row_ = -1;
};

// Adds one message to a row's value (width numbers); `opening` for the row's first.
template <class T, int R>
inline void join(const wide_t<T>* m, int64_t width, bool opening, wide_t<T>* value, int32_t* ties) {
  if constexpr (R == kSum) {
    (void)opening, (void)ties;
    for (int64_t j = 0; j < width; ++j) value[j] += m[j];
  } else {
    for (int64_t j = 0; j < width; ++j) {
      const auto v = rounded<T>(m[j]);
      const bool beats = opening || ((R == kMax ? !(v <= value[j]) : !(v >= value[j])) && value[j] == value[j]);
      ties[j] = beats ? 1 : ties[j] + int32_t(v == value[j]);
      value[j] = beats ? v : value[j];
    }
  }
}

// Folds the positions first .. last of one row into value.
template <class T, int R>
void fold(Runner<T>& run, int64_t row, int64_t first, int64_t last, int64_t f, int64_t width, wide_t<T>* value, int32_t* ties) {
  for (int64_t k = first; k < last; ++k) {
    run.prefetch(k + kAhead, f, width);
    join<T, R>(run.single(k, row, f, width), width, k == first, value, ties);
  }
}

template <class T, int R>
void put(const EdgeProgram& p, int64_t row, int64_t f, int64_t width, const wide_t<T>* value, const int32_t* ties) {
  T* out = static_cast<T*>(p.out) + row * p.features + f;
  const int64_t count = p.ptr[row + 1] - p.ptr[row];
  const wide_t<T> scale = R == kSum && p.how == kMean ? wide_t<T>(1) / wide_t<T>(std::max<int64_t>(count, 1)) : wide_t<T>(1);
  for (int64_t j = 0; j < width; ++j) out[j] = narrow<T>(value[j] * scale);
  if (R != kSum) std::copy_n(ties, width, p.ties + row * p.features + f);
}

// Rows begin .. end, none of them heavy, for features of one tile: blocks of edges across rows.
template <class T, int R> void narrow_rows(Runner<T>& run, const EdgeProgram& p, int64_t begin, int64_t end) {
  const int64_t width = p.features, step = kLanes / width;
  wide_t<T> value[kTile];
  int32_t ties[kTile], rows[kLanes];
  int64_t current = begin;
  bool opening = true;
  const auto reset = [&] { std::fill_n(value, width, wide_t<T>(0)), std::fill_n(ties, width, 0), opening = true; };
  const auto finish = [&](int64_t until) {
    for (; current < until; ++current) put<T, R>(p, current, 0, width, value, ties), reset();
  };
  reset();
  int64_t row = begin;
  for (int64_t k = p.ptr[begin], last = p.ptr[end]; k < last; k += step) {
    const int64_t edges = std::min(step, last - k);
    for (int64_t e = 0; e < edges; ++e) {
      while (p.ptr[row + 1] <= k + e) ++row;
      rows[e] = int32_t(row);
      run.prefetch(k + std::max(step, kAhead) + e, 0, width);
    }
    const auto* m = run.block(k, edges, rows, 0, width);
    for (int64_t e = 0; e < edges; ++e, m += width) {
      if (rows[e] != current) finish(rows[e]);
      join<T, R>(m, width, opening, value, ties);
      opening = false;
    }
  }
  finish(end);
}

template <class T, int R> void program_rows(const EdgeProgram& p) {
  using A = wide_t<T>;
  const int64_t cost = p.features * (p.instructions + p.leaves);
  std::vector<int64_t> heavy;
  for (int64_t r = 0; r < p.rows; ++r)
    if (int64_t(p.ptr[r + 1]) - p.ptr[r] > kBlock) heavy.push_back(r);
  for_rows(p.ptr, p.rows, cost, p.threads, [&](int64_t begin, int64_t end) {
    Runner<T> run(p);
    const auto is_heavy = [&](int64_t r) { return int64_t(p.ptr[r + 1]) - p.ptr[r] > kBlock; };
    if (p.features <= kTile) {
      for (int64_t r = begin; r < end; ++r) {
        if (is_heavy(r)) continue;
        int64_t stop = r + 1;
        while (stop < end && !is_heavy(stop)) ++stop;
        narrow_rows<T, R>(run, p, r, stop);
        r = stop;
      }
      return;
    }
    A value[kTile];
    int32_t ties[kTile];
    for (int64_t f = 0; f < p.features; f += kTile) {
      const int64_t width = std::min(kTile, p.features - f);
      for (int64_t r = begin; r < end; ++r) {
        if (is_heavy(r)) continue;
        std::fill_n(value, width, A(0));
        std::fill_n(ties, width, 0);
        fold<T, R>(run, r, p.ptr[r], p.ptr[r + 1], f, width, value, ties);
        put<T, R>(p, r, f, width, value, ties);
      }
    }
  });
  for (const int64_t r : heavy) {
    const int64_t first = p.ptr[r], last = p.ptr[r + 1], blocks = (last - first + kBlock - 1) / kBlock;
    std::vector<A> value(blocks * p.features, A(0));
    std::vector<int32_t> ties(blocks * p.features, 0);
    for_each(blocks, kBlock * cost, p.threads, [&](int64_t b) {
      Runner<T> run(p);
      for (int64_t f = 0; f < p.features; f += kTile)
        fold<T, R>(run, r, first + b * kBlock, std::min(first + (b + 1) * kBlock, last), f, std::min(kTile, p.features - f),
                   value.data() + b * p.features + f, ties.data() + b * p.features + f);
    });
    for (int64_t b = 1; b < blocks; ++b)
      for (int64_t f = 0; f < p.features; ++f) {
        A& into = value[f];
        const A next = value[b * p.features + f];
        if (R == kSum) { into += next; continue; }
        const int32_t more = ties[b * p.features + f];
        const bool beats = (R == kMax ? !(next <= into) : !(next >= into)) && into == into;
        ties[f] = beats ? more : ties[f] + (next == into ? more : 0);
        into = beats ? next : into;
      }
    for (int64_t f = 0; f < p.features; f += kTile)
      put<T, R>(p, r, f, std::min(kTile, p.features - f), value.data() + f, ties.data() + f);
  }
}

// One result per edge: all features, or their sums over `groups` groups of equal length.
template <class T> void program_map(const EdgeProgram& p) {
  using A = wide_t<T>;
  const int64_t count = p.ptr[p.rows], piece = 2048, span = p.groups ? p.features / p.groups : 1;
  T* out = static_cast<T*>(p.out);
  for_each((count + piece - 1) / piece, piece * p.features * (p.instructions + p.leaves), p.threads, [&](int64_t i) {
    Runner<T> run(p);
    const int64_t begin = i * piece, end = std::min(begin + piece, count);
    std::vector<A> sums(p.groups ? (end - begin) * p.groups : 0, A(0));
    int32_t rows[kLanes];
    for (int64_t f = 0; f < p.features; f += kTile) {
      const int64_t width = std::min(kTile, p.features - f), step = kLanes / width;
      int64_t row = std::upper_bound(p.ptr, p.ptr + p.rows + 1, int32_t(begin)) - p.ptr - 1;
      for (int64_t k = begin; k < end; k += step) {
        const int64_t edges = std::min(step, end - k);
        for (int64_t e = 0; e < edges; ++e) {
          while (p.ptr[row + 1] <= k + e) ++row;
          rows[e] = int32_t(row);
          run.prefetch(k + std::max(step, kAhead) + e, f, width);
        }
        const A* m = run.block(k, edges, rows, f, width);
        for (int64_t e = 0; e < edges; ++e, m += width) {
          if (!p.groups) {
            T* to = out + at(p.edge, k + e) * p.features + f;
            for (int64_t j = 0; j < width; ++j) to[j] = narrow<T>(m[j]);
            continue;
          }
          A* to = sums.data() + (k + e - begin) * p.groups;
          for (int64_t j = 0; j < width;) {  // lanes of one group, in a fixed order
            const int64_t g = (f + j) / span, stop = std::min(width, (g + 1) * span - f);
            A lane[16] = {};
            int64_t l = j;
            for (; l + 16 <= stop; l += 16) for (int q = 0; q < 16; ++q) lane[q] += m[l + q];
            for (int q = 0; l < stop; ++l, ++q) lane[q] += m[l];
            for (int half = 8; half > 0; half /= 2) for (int q = 0; q < half; ++q) lane[q] += lane[q + half];
            to[g] += lane[0];
            j = stop;
          }
        }
      }
    }
    for (int64_t k = begin; p.groups && k < end; ++k)
      for (int64_t g = 0; g < p.groups; ++g) out[at(p.edge, k) * p.groups + g] = narrow<T>(sums[(k - begin) * p.groups + g]);
  });
}

template <class T> void edge_program(const EdgeProgram& p) {
  const bool map = p.how == kMap;
  const int64_t count = map ? int64_t(p.ptr[p.rows]) : p.rows;
  if (p.features == 0) {  // sums over nothing
    std::fill_n(static_cast<T*>(p.out), map ? count * p.groups : 0, narrow<T>(0));
    return;
  }
  advise_huge(p.out, count * (map && p.groups ? p.groups : p.features) * int64_t(sizeof(T)));
  if (p.ties) advise_huge(p.ties, count * p.features * 4);
  if (map) return program_map<T>(p);
  if (p.how == kMax) return program_rows<T, kMax>(p);
  if (p.how == kMin) return program_rows<T, kMin>(p);
  program_rows<T, kSum>(p);
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
