// out[e, h] = sum over the features of head h of a[row(e), f] * b[b_row(e), f].
#pragma once

#include "kernels.h"
#include "numeric.h"
#include "rows.h"
#include "sums.h"

namespace gv {
namespace GV_ISA {
namespace {

template <class T> inline void add_products(typename Lanes<wide_t<T>>::type& lane, const T* a, const T* b, int64_t n) {
  wide_t<T> product[16] = {};
  for (int j = 0; j < n; ++j) product[j] = widen(a[j]) * widen(b[j]);
  add_lanes<wide_t<T>>(lane, product, 16);
}

template <class T> inline wide_t<T> dot(const T* a, const T* b, int64_t n) {
  typename Lanes<wide_t<T>>::type lane = {};
  int64_t f = 0;
  for (; f + 16 <= n; f += 16) add_products(lane, a + f, b + f, 16);
  if (f < n) add_products(lane, a + f, b + f, n - f);
  return fold<wide_t<T>>(lane);
}

// The same for short heads, D features each: lanes that stay empty above are left out, so the sums are the same.
template <class T, int D> inline void short_dots(const T* a, const T* b, T* to, int64_t heads) {
  for (int64_t h = 0; h < heads; ++h, a += D, b += D) {
    wide_t<T> lane[D];
    for (int j = 0; j < D; ++j) lane[j] = widen(a[j]) * widen(b[j]);
    to[h] = narrow<T>(sum(lane, std::integral_constant<int64_t, D>()));
  }
}

template <class T> inline void dots(const T* a, const T* b, T* to, int64_t heads, int64_t d) {
  switch (d) {
    case 1: return short_dots<T, 1>(a, b, to, heads);
    case 2: return short_dots<T, 2>(a, b, to, heads);
    case 4: return short_dots<T, 4>(a, b, to, heads);
    case 8: return short_dots<T, 8>(a, b, to, heads);
    case 16: return short_dots<T, 16>(a, b, to, heads);
    default: for (int64_t h = 0; h < heads; ++h) to[h] = narrow<T>(dot(a + h * d, b + h * d, d));
  }
}

template <class T> void edge_dot(const EdgeDot& p) {
  const int64_t edges = p.ptr[p.rows], d = p.heads ? p.features / p.heads : 0, piece = 2048;
  advise_huge(p.out, edges * p.heads * int64_t(sizeof(T)));
  const bool disperses = p.edge && is_short<T>(p.heads);
  for_each((edges + piece - 1) / piece, piece * (p.features + 8), p.threads, [&](int64_t i) {
    const int64_t first = i * piece, last = std::min(first + piece, edges);
    std::vector<T> here(disperses ? piece * p.heads : 0);
    int64_t r = std::upper_bound(p.ptr, p.ptr + p.rows + 1, int32_t(first)) - p.ptr - 1;
    for (int64_t k = first; k < last; ++k) {
      while (p.ptr[r + 1] <= k) ++r;
      const T* b = static_cast<const T*>(p.b) + at(p.b_row, k) * p.features;
      const T* a = static_cast<const T*>(p.a) + r * p.features;
      if (k + kAhead < edges)
        prefetch(static_cast<const T*>(p.b) + at(p.b_row, k + kAhead) * p.features, p.features * sizeof(T));
      T* to = disperses ? here.data() + (k - first) * p.heads : static_cast<T*>(p.out) + at(p.edge, k) * p.heads;
      dots(a, b, to, p.heads, d);
    }
    if (disperses) disperse(here.data(), p.heads, p.edge + first, last - first, static_cast<T*>(p.out));
  });
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
