// out[r, f] = reduce over the positions k of row r of w[w_row[k], f / D] * x[x_row[k], f].
// Features are taken in tiles that stay in registers; each tile walks the row's positions once.
#pragma once

#include "kernels.h"
#include "numeric.h"
#include "rows.h"

namespace gv {
namespace GV_ISA {
namespace {

enum Weights { kNone, kOnePerTile, kElementwise, kGrouped };

// Asks for what the tile will read some positions later, be it for a later row: most rows are shorter than that.
template <class T, int B, int W> GV_INLINE void look_ahead(const GatherReduce& p, int64_t k, int64_t f) {
  const int64_t later = k + kAhead;
  if (later >= p.ptr[p.rows]) return;
  prefetch(static_cast<const T*>(p.x) + at(p.x_row, later) * p.features + f, B * sizeof(T));
  if (W != kNone && p.w_row) prefetch(static_cast<const T*>(p.w) + p.w_row[later] * p.groups, 1);
}

// The message's tile at position k: features f .. f + B - 1, into m.
template <class T, int B, int W, int D>
inline void message(const GatherReduce& p, int64_t k, int64_t f, wide_t<T>* m) {
  const T* x = static_cast<const T*>(p.x) + at(p.x_row, k) * p.features + f;
  if constexpr (W == kNone) {
    for (int j = 0; j < B; ++j) m[j] = widen(x[j]);
  } else {
    const T* w = static_cast<const T*>(p.w) + at(p.w_row, k) * p.groups;
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

// Positions first .. last of one row, all features, into `to` (F entries each).
template <class T, int W, int D, int R>
void positions(const GatherReduce& p, int64_t first, int64_t last, Partial<T> to) {
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
    if constexpr (W != kGrouped) {
      for (; f + 4 <= end; f += 4) tile<T, 4, W, D, R>(p, first, last, f, part(f));
      for (; f < end; ++f) tile<T, 1, W, D, R>(p, first, last, f, part(f));
    }
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

template <class T, int W, int D, int R> void reduce_rows(const GatherReduce& p) {
  std::vector<int64_t> heavy;
  for (int64_t r = 0; r < p.rows; ++r)
    if (int64_t(p.ptr[r + 1]) - p.ptr[r] > kBlock) heavy.push_back(r);
  for_rows(p.ptr, p.rows, p.features, p.threads, [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(1, p.features, R != kSum);
    for (int64_t r = begin; r < end; ++r) {
      const int64_t first = p.ptr[r], last = p.ptr[r + 1];
      if (last - first > kBlock) continue;
      if (first == last) {
        T* out = static_cast<T*>(p.out) + r * p.features;
        for (int64_t f = 0; f < p.features; ++f) out[f] = narrow<T>(0);
        if (R != kSum) std::fill_n(p.ties + r * p.features, p.features, 0);
        continue;
      }
      positions<T, W, D, R>(p, first, last, scratch[0]);
      finish<T, R>(p, r, last - first, scratch[0]);
    }
  });
  // Rows with very many edges: blocks of fixed size in parallel, combined in order.
  for (const int64_t r : heavy) {
    const int64_t first = p.ptr[r], last = p.ptr[r + 1], blocks = (last - first + kBlock - 1) / kBlock;
    Scratch<T> scratch(blocks, p.features, R != kSum);
    for_each(blocks, kBlock * p.features, p.threads, [&](int64_t b) {
      positions<T, W, D, R>(p, first + b * kBlock, std::min(first + (b + 1) * kBlock, last), scratch[b]);
    });
    for (int64_t b = 1; b < blocks; ++b) merge<T, R>(scratch[0], scratch[b], p.features);
    finish<T, R>(p, r, last - first, scratch[0]);
  }
}

template <class T, int R> void by_weights(const GatherReduce& p) {
  if (p.groups == 0) return reduce_rows<T, kNone, 1, R>(p);
  const int64_t d = p.features / p.groups;
  if (p.groups == p.features) return reduce_rows<T, kElementwise, 1, R>(p);
  if (p.groups > 1 && d == 8) return reduce_rows<T, kGrouped, 8, R>(p);
  if (p.groups > 1 && d == 16) return reduce_rows<T, kGrouped, 16, R>(p);
  return reduce_rows<T, kOnePerTile, 1, R>(p);
}

template <class T> void gather_reduce(GatherReduce p) {
  Fresh<T> weights;
  if (p.groups && p.w_row && p.w_row != p.x_row && is_short<T>(p.groups)) {
    weights = arranged(static_cast<const T*>(p.w), p.groups, p.w_row, p.ptr[p.rows], p.threads);
    p.w = weights.get(), p.w_row = nullptr;
  }
  advise_huge(p.out, p.rows * p.features * int64_t(sizeof(T)));
  if (p.ties) advise_huge(p.ties, p.rows * p.features * 4);
  if (p.features == 0) return;
  if (p.reduce == kMax) return by_weights<T, kMax>(p);
  if (p.reduce == kMin) return by_weights<T, kMin>(p);
  by_weights<T, kSum>(p);
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
