// The gradient of max and min: each output's gradient goes to the messages that attain it, in equal shares.
#pragma once

#include "kernels.h"
#include "numeric.h"
#include "rows.h"

namespace gv {
namespace GV_ISA {
namespace {

// Calls give(position, share) for every message that attains output (r, f).
template <class T, class Give> inline void attained(const ExtremeBackward& p, int64_t r, int64_t f, Give give) {
  const int64_t at_output = r * p.features + f;
  const int32_t arg = p.arg[at_output];
  if (arg == -1) return;
  const auto grad = widen(static_cast<const T*>(p.grad)[at_output]);
  if (arg >= 0) return give(int64_t(arg), grad);
  const auto top = widen(static_cast<const T*>(p.out)[at_output]);
  const auto ties = [&](int64_t k) {
    auto v = widen(static_cast<const T*>(p.x)[at(p.x_row, k) * p.features + f]);
    if (p.w) v *= widen(static_cast<const T*>(p.w)[at(p.edge, k) * p.groups + f / (p.features / p.groups)]);
    return rounded<T>(v) == top;
  };
  int64_t count = 0;
  for (int64_t k = -2 - arg; k < p.ptr[r + 1]; ++k) count += ties(k);
  const auto share = grad / wide_t<T>(count);
  for (int64_t k = -2 - arg; k < p.ptr[r + 1]; ++k)
    if (ties(k)) give(k, share);
}

template <class T> void extreme_backward(const ExtremeBackward& p) {
  using A = wide_t<T>;
  if (p.features == 0) return;
  A* gx = static_cast<A*>(p.grad_x);
  A* gw = static_cast<A*>(p.grad_w);
  const T* x = static_cast<const T*>(p.x);
  const T* w = static_cast<const T*>(p.w);
  const int64_t per_group = p.groups ? p.features / p.groups : 0;
  const int64_t edges = p.ptr[p.rows];
  advise_huge(gx, p.x_rows * p.features * int64_t(sizeof(A)));
  const int64_t slab = 1 << 16;
  for_each((p.x_rows * p.features + slab - 1) / slab, slab, p.threads, [&](int64_t i) {
    std::fill(gx + i * slab, gx + std::min((i + 1) * slab, p.x_rows * p.features), A(0));
  });
  if (gw) std::fill_n(gw, edges * p.groups, A(0));
  const auto scale = [&](int64_t k, int64_t f) { return w ? widen(w[at(p.edge, k) * p.groups + f / per_group]) : A(1); };
  if (p.x_on_edge || gw) {  // an edge belongs to one row: rows in parallel
    for_rows(p.ptr, p.rows, p.features, p.threads, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        for (int64_t f = 0; f < p.features; ++f)
          attained<T>(p, r, f, [&](int64_t k, A share) {
            if (gw) gw[at(p.edge, k) * p.groups + f / per_group] += share * widen(x[at(p.x_row, k) * p.features + f]);
            if (p.x_on_edge) gx[at(p.x_row, k) * p.features + f] += share * scale(k, f);
          });
    });
  }
  if (p.x_on_edge) return;
  // A source may win at many destinations: features in parallel, a cache line each, destinations in order.
  constexpr int64_t width = 16;
  for_each((p.features + width - 1) / width, p.rows * width, p.threads, [&](int64_t t) {
    const int64_t end = std::min((t + 1) * width, p.features);
    for (int64_t r = 0; r < p.rows; ++r)
      for (int64_t f = t * width; f < end; ++f)
        attained<T>(p, r, f, [&](int64_t k, A share) { gx[at(p.x_row, k) * p.features + f] += share * scale(k, f); });
  });
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
