// The gradient of max and min: each output's gradient goes in equal shares to the messages that attain it. A message
// attains it where it equals it, so nothing but the result is kept from the forward pass.
#pragma once

#include "kernels.h"
#include "numeric.h"
#include "rows.h"

namespace gv {
namespace GV_ISA {
namespace {

// Stored messages, grouped by destination: grad_x[e, f] = share[r, f] where x[e, f] attains out[r, f].
template <class T> inline T divided(T share, const int32_t* ties, int64_t i) {
  return ties && ties[i] > 1 ? narrow<T>(widen(share) / wide_t<T>(ties[i])) : share;
}

template <class T> void extreme_backward_edges(const ExtremeBackward& p) {
  T* grad = static_cast<T*>(p.grad_x);
  for_rows(p.ptr, p.rows, p.features, p.threads, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* out = static_cast<const T*>(p.out) + r * p.features;
      const T* share = static_cast<const T*>(p.share) + r * p.features;
      for (int64_t k = p.ptr[r]; k < p.ptr[r + 1]; ++k) {
        const int64_t e = at(p.edge, k) * p.features;
        const T* x = static_cast<const T*>(p.x) + e;
        for (int64_t f = 0; f < p.features; ++f)
          grad[e + f] = widen(x[f]) == widen(out[f]) ? divided(share[f], p.ties, r * p.features + f) : narrow<T>(0);
      }
    }
  });
}

// Node rows, grouped by source r: grad_x[r, f] = sum over its edges of w * share[n, f] where w * x[r, f] attains out[n, f].
template <class T> void extreme_backward_nodes(const ExtremeBackward& p) {
  using A = wide_t<T>;
  const int64_t features = p.features, groups = p.groups ? p.groups : 1, span = features / groups;
  const T* shares = static_cast<const T*>(p.share);
  const int64_t numbers = p.results * features;
  const Fresh<T> quotients = fresh<T>(p.ties ? numbers : 0);
  if (p.ties) {
    constexpr int64_t piece = 16384;
    for_each((numbers + piece - 1) / piece, piece, p.threads, [&](int64_t b) {
      for (int64_t i = b * piece, end = std::min(i + piece, numbers); i < end; ++i)
        quotients[i] = divided(shares[i], p.ties, i);
    });
    shares = quotients.get();
  }
  for_rows(p.ptr, p.rows, 2 * features, p.threads, [&](int64_t begin, int64_t end) {
    std::vector<A> acc(features), own(features), product(p.grad_w ? features : 0);
    for (int64_t r = begin; r < end; ++r) {
      const T* x = static_cast<const T*>(p.x) + r * features;
      for (int64_t f = 0; f < features; ++f) own[f] = widen(x[f]), acc[f] = 0;
      for (int64_t k = p.ptr[r]; k < p.ptr[r + 1]; ++k) {
        const int64_t e = at(p.edge, k) * groups;
        const int64_t n = p.other[k] * features;
        const T* out = static_cast<const T*>(p.out) + n;
        const T* share = shares + n;
        if (k + kAhead < p.ptr[p.rows]) {
          const int64_t ahead = p.other[k + kAhead] * features;
          prefetch(static_cast<const T*>(p.out) + ahead, features * sizeof(T));
          prefetch(shares + ahead, features * sizeof(T));
        }
        for (int64_t g = 0; g < groups; ++g) {
          const A w = p.w ? widen(static_cast<const T*>(p.w)[e + g]) : A(1);
          const int64_t last = (g + 1) * span;
          for (int64_t f = g * span; f < last; ++f)
            acc[f] += rounded<T>(w * own[f]) == widen(out[f]) ? w * widen(share[f]) : A(0);
          if (!p.grad_w) continue;
          for (int64_t f = g * span; f < last; ++f)
            product[f] = rounded<T>(w * own[f]) == widen(out[f]) ? own[f] * widen(share[f]) : A(0);
          A total = 0;
          for (int64_t f = g * span; f < last; ++f) total += product[f];
          static_cast<T*>(p.grad_w)[e + g] = narrow<T>(total);
        }
      }
      T* grad = static_cast<T*>(p.grad_x) + r * features;
      for (int64_t f = 0; f < features; ++f) grad[f] = narrow<T>(acc[f]);
    }
  });
}

template <class T> void extreme_backward(const ExtremeBackward& p) {
  if (p.features == 0) return;
  const int64_t count = p.x_on_edge ? int64_t(p.ptr[p.rows]) : p.rows;
  advise_huge(p.grad_x, count * p.features * int64_t(sizeof(T)));
  if (p.x_on_edge) extreme_backward_edges<T>(p); else extreme_backward_nodes<T>(p);
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
