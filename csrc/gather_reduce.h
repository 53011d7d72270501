// out[r, f] = reduce over the positions k of row r of w[w_row[k], f / D] * x[x_row[k], f].
// Features are taken in tiles that stay in registers; each tile walks the row's positions once.
#pragma once

#include "edge_dot.h"
#include "kernels.h"
#include "numeric.h"
#include "rows.h"

namespace gv {
namespace GV_ISA {
namespace {

enum Weights { kNone, kOnePerTile, kElementwise, kGrouped, kWithDots };

// The row of w, and of dots, at position k.
inline int64_t weight_row(const GatherReduce& p, int64_t k) { return p.w_row ? p.w_row[k] : k - p.begin; }

// Asks for what the tile will read some positions later, be it for a later row: most rows are shorter than that.
template <class T, int B, int W> GV_INLINE void look_ahead(const GatherReduce& p, int64_t k, int64_t f) {
  const int64_t later = k + kAhead;
  if (later >= p.ptr[p.rows]) return;
  prefetch(static_cast<const T*>(p.x) + at(p.x_row, later) * p.features + f, (B ? B : p.features) * sizeof(T));
  if (W != kNone && p.w_row) prefetch(static_cast<const T*>(p.w) + p.w_row[later] * p.groups, 1);
}

// The message's tile at position k: features f .. f + B - 1, into m.
template <class T, int B, int W, int D>
inline void message(const GatherReduce& p, int64_t k, int64_t f, wide_t<T>* m) {
  const T* x = static_cast<const T*>(p.x) + at(p.x_row, k) * p.features + f;
  if constexpr (W == kNone) {
    for (int j = 0; j < B; ++j) m[j] = widen(x[j]);
  } else {
    const T* w = static_cast<const T*>(p.w) + weight_row(p, k) * p.groups;
    if constexpr (W == kOnePerTile) {
      const auto scale = widen(w[f / (p.features / p.groups)]);
      for (int j = 0; j < B; ++j) m[j] = scale * widen(x[j]);
    } else if constexpr (W == kElementwise) {
      for (int j = 0; j < B; ++j) m[j] = widen(w[f + j]) * widen(x[j]);
    } else {
#pragma GCC unroll 8
      for (int g = 0; g < B / D; ++g) {
        const auto scale = widen(w[f / D + g]);
        for (int d = 0; d < D; ++d) m[g * D + d] = scale * widen(x[g * D + d]);
      }
    }
  }
}

template <class T> struct Partial {  // a tile's state over some positions
  wide_t<T>* value;
  int32_t* ties;
};

template <class T, int B, int W, int D, int R>
void tile(const GatherReduce& p, int64_t first, int64_t last, int64_t f, Partial<T> to) {
  wide_t<T> acc[B], m[B];
  if constexpr (R == kSum) {
    for (int j = 0; j < B; ++j) acc[j] = 0;
    for (int64_t k = first; k < last; ++k) {
      look_ahead<T, B, W>(p, k, f);
      message<T, B, W, D>(p, k, f, m);
      for (int j = 0; j < B; ++j) acc[j] += m[j];
    }
    for (int j = 0; j < B; ++j) to.value[j] = acc[j];
  } else {
    int32_t ties[B];
    message<T, B, W, D>(p, first, f, m);
    for (int j = 0; j < B; ++j) acc[j] = rounded<T>(m[j]), ties[j] = 1;
    for (int64_t k = first + 1; k < last; ++k) {
      look_ahead<T, B, W>(p, k, f);
      message<T, B, W, D>(p, k, f, m);
      for (int j = 0; j < B; ++j) {
        const auto v = rounded<T>(m[j]);
        const bool wins = beats<R == kMax>(v, acc[j]);
        ties[j] = wins ? 1 : ties[j] + int32_t(v == acc[j]);
        acc[j] = wins ? v : acc[j];
      }
    }
    for (int j = 0; j < B; ++j) to.value[j] = acc[j], to.ties[j] = ties[j];
  }
}

// The length of a group, where it is known and less than the lanes of a sum.
template <class D> constexpr int64_t kShort = 0;
template <int64_t N> constexpr int64_t kShort<std::integral_constant<int64_t, N>> = N < 16 ? N : 0;

// sums += w * x and to = a . x, with a weight and a dot product for every group of d features.
template <class T, class D>
inline void add_weighted(const T* a, const T* x, const T* w, int64_t groups, D d, wide_t<T>* __restrict sums, T* __restrict to) {
  using A = wide_t<T>;
  for (int64_t g = 0; g < groups; ++g, a += d, x += d, sums += d) {
    const A scale = widen(w[g]);
    if constexpr (constexpr int64_t n = kShort<D>; n > 0) {
      A product[n];
      for (int64_t j = 0; j < n; ++j) product[j] = widen(x[j]) * widen(a[j]), sums[j] += scale * widen(x[j]);
      to[g] = narrow<T>(sum(product, d));
    } else {
      typename Lanes<A>::type lane = {};
      for (int64_t f = 0; f < d; f += 16) {
        const int64_t n = std::min<int64_t>(16, d - f);
        A wide[16] = {}, product[16] = {};
        for (int64_t j = 0; j < n; ++j) wide[j] = widen(x[f + j]), product[j] = wide[j] * widen(a[f + j]);
        add_lanes<A>(lane, product, 16);
        for (int64_t j = 0; j < n; ++j) sums[f + j] += scale * wide[j];
      }
      to[g] = narrow<T>(fold<A>(lane));
    }
  }
}

// Weighted sum and dot products from one reading of x: the derivative of a weighted sum, by its rows and by its weights.
template <class T> void weigh_and_dot(const GatherReduce& p, int64_t row, int64_t first, int64_t last, wide_t<T>* sums) {
  const T* a = static_cast<const T*>(p.a) + row * p.features;
  std::fill_n(sums, p.features, wide_t<T>(0));
  fixed(p.features / p.groups, [&](auto d) {
    for (int64_t k = first; k < last; ++k) {
      look_ahead<T, 0, kWithDots>(p, k, 0);
      const T* x = static_cast<const T*>(p.x) + at(p.x_row, k) * p.features;
      const T* w = static_cast<const T*>(p.w) + weight_row(p, k) * p.groups;
      add_weighted(a, x, w, p.groups, d, sums, static_cast<T*>(p.dots) + weight_row(p, k) * p.groups);
    }
  });
}

// Positions first .. last of one row, all features, into `to` (F entries each).
template <class T, int W, int D, int R>
void positions(const GatherReduce& p, int64_t row, int64_t first, int64_t last, Partial<T> to) {
  if constexpr (W == kWithDots) return weigh_and_dot<T>(p, row, first, last, to.value);
  // A tile must not reach into the next group where one weight serves the whole tile.
  const int64_t span = W == kOnePerTile ? p.features / p.groups : p.features;
  const auto part = [&](int64_t f) { return Partial<T>{to.value + f, to.ties + f}; };
  for (int64_t base = 0; base < p.features; base += span) {
    int64_t f = base;
    const int64_t end = base + span;
    if constexpr (R == kSum && (W == kNone || W == kOnePerTile))
      for (; f + 128 <= end; f += 128) tile<T, 128, W, D, R>(p, first, last, f, part(f));
    if constexpr (R == kSum)
      for (; f + 64 <= end; f += 64) tile<T, 64, W, D, R>(p, first, last, f, part(f));
    if constexpr (W != kGrouped || D <= 32)
      for (; f + 32 <= end; f += 32) tile<T, 32, W, D, R>(p, first, last, f, part(f));
    if constexpr (W != kGrouped || D <= 16)
      for (; f + 16 <= end; f += 16) tile<T, 16, W, D, R>(p, first, last, f, part(f));
    if constexpr (W != kGrouped || D <= 8)
      for (; f + 8 <= end; f += 8) tile<T, 8, W, D, R>(p, first, last, f, part(f));
    if constexpr (W != kGrouped || D <= 4)
      for (; f + 4 <= end; f += 4) tile<T, 4, W, D, R>(p, first, last, f, part(f));
    if constexpr (W != kGrouped)
      for (; f < end; ++f) tile<T, 1, W, D, R>(p, first, last, f, part(f));
  }
}

template <class T, int R>
inline void finish(const GatherReduce& p, int64_t row, int64_t count, Partial<T> from) {
  T* out = static_cast<T*>(p.out) + row * p.features;
  if constexpr (R == kSum) {
    const wide_t<T> scale = p.reduce == kMean ? wide_t<T>(1) / wide_t<T>(std::max<int64_t>(count, 1)) : wide_t<T>(1);
    for (int64_t f = 0; f < p.features; ++f) out[f] = narrow<T>(from.value[f] * scale);
  } else {
    int32_t* ties = p.ties + row * p.features;
    for (int64_t f = 0; f < p.features; ++f) out[f] = narrow<T>(from.value[f]), ties[f] = from.ties[f];
  }
}

template <class T, int R> inline void merge(Partial<T> into, Partial<T> next, int64_t features) {
  for (int64_t f = 0; f < features; ++f) {
    if constexpr (R == kSum) {
      into.value[f] += next.value[f];
    } else {
      const auto a = into.value[f], b = next.value[f];
      const bool wins = beats<R == kMax>(b, a);
      into.ties[f] = wins ? next.ties[f] : into.ties[f] + (a == b ? next.ties[f] : 0);
      into.value[f] = wins ? b : a;
    }
  }
}

template <class T> struct Scratch {  // room for `count` partial rows
  std::vector<wide_t<T>> value;
  std::vector<int32_t> ties;
  int64_t features;
  Scratch(int64_t count, int64_t f, bool extremes) : value(count * f), ties(extremes ? count * f : 0), features(f) {}
  Partial<T> operator[](int64_t i) { return {value.data() + i * features, ties.empty() ? nullptr : ties.data() + i * features}; }
};

// Short rows of weights are arranged for some positions at a time, and short dot products dispersed.
template <class T> struct Nearby {
  std::vector<T> weights, dots;

  // Calls body with what the positions of the rows from .. to need; whole: likewise for one heavy row, of which then block
  // by block calls piece.
  template <class Body> void with(const GatherReduce& p, int64_t from, int64_t to, Body body) {
    piece(p, p.ptr[from], p.ptr[to], body);
  }
  template <class Body> void whole(const GatherReduce& p, int64_t, Body body) { body(p); }

  template <class Body> void piece(const GatherReduce& p, int64_t first, int64_t last, Body body) {
    if (!p.groups || !p.w_row || p.w_row == p.x_row || !is_short<T>(p.groups)) return body(p);
    const int64_t count = last - first;
    weights.resize(count * p.groups);
    arrange(static_cast<const T*>(p.w), p.groups, p.w_row + first, count, weights.data());
    GatherReduce q = p;
    q.w = weights.data(), q.w_row = nullptr, q.begin = first;
    if (p.dots) dots.resize(count * p.groups), q.dots = dots.data();
    body(q);
    if (p.dots) disperse(dots.data(), p.groups, p.w_row + first, count, static_cast<T*>(p.dots));
  }
};

template <class T, int W, int D, int R, class Near = Nearby<T>> void reduce_rows(const GatherReduce& p) {
  std::vector<int64_t> heavy;
  const auto is_heavy = [&](int64_t r) { return p.ptr[r + 1] - p.ptr[r] > kBlock; };
  for (int64_t r = 0; r < p.rows; ++r)
    if (is_heavy(r)) heavy.push_back(r);
  for_rows(p.ptr, p.rows, p.features, p.threads, [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(1, p.features, R != kSum);
    Near near;
    for_stretches(p.ptr, begin, end, kBlock, [&](int64_t from, int64_t to) {
      if (is_heavy(from)) return;
      near.with(p, from, to, [&](const GatherReduce& q) {
        for (int64_t r = from; r < to; ++r) {
          const int64_t first = p.ptr[r], last = p.ptr[r + 1];
          if (first == last) {
            T* out = static_cast<T*>(p.out) + r * p.features;
            for (int64_t f = 0; f < p.features; ++f) out[f] = narrow<T>(0);
            if (R != kSum) std::fill_n(p.ties + r * p.features, p.features, 0);
            continue;
          }
          positions<T, W, D, R>(q, r, first, last, scratch[0]);
          finish<T, R>(p, r, last - first, scratch[0]);
        }
      });
    });
  });
  // Rows with very many edges: blocks of fixed size in parallel, combined in order.
  for (const int64_t r : heavy) {
    const int64_t first = p.ptr[r], last = p.ptr[r + 1], blocks = (last - first + kBlock - 1) / kBlock;
    Scratch<T> scratch(blocks, p.features, R != kSum);
    Near().whole(p, r, [&](const GatherReduce& row) {
      for_each(blocks, kBlock * p.features, p.threads, [&](int64_t b) {
        const int64_t from = first + b * kBlock, to = std::min(from + kBlock, last);
        Near().piece(row, from, to, [&](const GatherReduce& q) { positions<T, W, D, R>(q, r, from, to, scratch[b]); });
      });
    });
    for (int64_t b = 1; b < blocks; ++b) merge<T, R>(scratch[0], scratch[b], p.features);
    finish<T, R>(p, r, last - first, scratch[0]);
  }
}

template <class T, int R, class Near = Nearby<T>> void by_weights(const GatherReduce& p) {
  const int64_t d = p.features / p.groups;
  if (p.groups == p.features) return reduce_rows<T, kElementwise, 1, R, Near>(p);
  if (p.groups > 1 && d == 4) return reduce_rows<T, kGrouped, 4, R, Near>(p);
  if (p.groups > 1 && d == 8) return reduce_rows<T, kGrouped, 8, R, Near>(p);
  if (p.groups > 1 && d == 16) return reduce_rows<T, kGrouped, 16, R, Near>(p);
  return reduce_rows<T, kOnePerTile, 1, R, Near>(p);
}

template <class T, int R> void by_reduction(const GatherReduce& p) {
  return p.groups ? by_weights<T, R>(p) : reduce_rows<T, kNone, 1, R>(p);
}

template <class T> void gather_reduce(const GatherReduce& p) {
  advise_huge(p.out, p.rows * p.features * int64_t(sizeof(T)));
  if (p.ties) advise_huge(p.ties, p.rows * p.features * 4);
  if (p.features == 0) {
    if (p.dots) std::fill_n(static_cast<T*>(p.dots), p.ptr[p.rows] * p.groups, narrow<T>(0));
    return;
  }
  if (p.dots) {
    advise_huge(p.dots, p.ptr[p.rows] * p.groups * int64_t(sizeof(T)));
    return reduce_rows<T, kWithDots, 1, kSum>(p);
  }
  if (p.reduce == kMax) return by_reduction<T, kMax>(p);
  if (p.reduce == kMin) return by_reduction<T, kMin>(p);
  by_reduction<T, kSum>(p);
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
