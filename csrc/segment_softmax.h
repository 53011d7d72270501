// Softmax over the edges of each row, and its derivative. A row is gathered into a buffer, so that the arithmetic runs
// over consecutive numbers.
#pragma once

#include <cmath>

#include "kernels.h"
#include "numeric.h"
#include "rows.h"

namespace gv {
namespace GV_ISA {
namespace {

inline void exponentials(float* v, int64_t n) {
  for (int64_t i = 0; i < n; ++i) v[i] = exp_nonpositive(v[i]);
}
inline void exponentials(double* v, int64_t n) {
  for (int64_t i = 0; i < n; ++i) v[i] = std::exp(v[i]);
}

template <class T> void softmax_row(const SegmentSoftmax& p, int64_t first, int64_t last, std::vector<wide_t<T>>& buffer) {
  using A = wide_t<T>;
  const int64_t h = p.heads, n = (last - first) * h;
  buffer.resize(n + h);
  A* v = buffer.data();
  A* fold = v + n;
  const T* in = static_cast<const T*>(p.in);
  T* out = static_cast<T*>(p.out);
  for (int64_t k = first; k < last; ++k)
    for (int64_t j = 0; j < h; ++j) v[(k - first) * h + j] = widen(in[at(p.edge, k) * h + j]);
  for (int64_t j = 0; j < h; ++j) fold[j] = v[j];
  for (int64_t i = h; i < n; i += h)
    for (int64_t j = 0; j < h; ++j) fold[j] = v[i + j] > fold[j] || v[i + j] != v[i + j] ? v[i + j] : fold[j];
  for (int64_t i = 0; i < n; i += h)
    for (int64_t j = 0; j < h; ++j) v[i + j] -= fold[j];
  exponentials(v, n);
  for (int64_t j = 0; j < h; ++j) fold[j] = A(1e-16);
  for (int64_t i = 0; i < n; i += h)
    for (int64_t j = 0; j < h; ++j) fold[j] += v[i + j];
  for (int64_t k = first; k < last; ++k)
    for (int64_t j = 0; j < h; ++j) out[at(p.edge, k) * h + j] = narrow<T>(v[(k - first) * h + j] / fold[j]);
}

template <class T> void softmax_row_backward(const SegmentSoftmax& p, int64_t first, int64_t last, std::vector<wide_t<T>>& buffer) {
  const int64_t h = p.heads;
  buffer.assign(h, 0);
  const T* prob = static_cast<const T*>(p.in);
  const T* grad = static_cast<const T*>(p.grad);
  T* out = static_cast<T*>(p.out);
  for (int64_t k = first; k < last; ++k)
    for (int64_t j = 0, e = at(p.edge, k) * h; j < h; ++j) buffer[j] += widen(prob[e + j]) * widen(grad[e + j]);
  for (int64_t k = first; k < last; ++k)
    for (int64_t j = 0, e = at(p.edge, k) * h; j < h; ++j)
      out[e + j] = narrow<T>(widen(prob[e + j]) * (widen(grad[e + j]) - buffer[j]));
}

template <class T> void segment_softmax(const SegmentSoftmax& p) {
  advise_huge(p.out, p.ptr[p.rows] * p.heads * int64_t(sizeof(T)));
  if (p.heads == 0) return;
  for_rows(p.ptr, p.rows, p.heads * 8, p.threads, [&](int64_t begin, int64_t end) {
    std::vector<wide_t<T>> buffer;
    for (int64_t r = begin; r < end; ++r) {
      if (p.ptr[r] == p.ptr[r + 1]) continue;
      if (p.grad) softmax_row_backward<T>(p, p.ptr[r], p.ptr[r + 1], buffer);
      else softmax_row<T>(p, p.ptr[r], p.ptr[r + 1], buffer);
    }
  });
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
