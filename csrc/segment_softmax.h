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

// Calls body with the number of heads as a constant where it is a common one, else with 0.
template <class Body> void by_heads(int64_t heads, Body body) {
  switch (heads) {
    case 1: return body(std::integral_constant<int, 1>());
    case 4: return body(std::integral_constant<int, 4>());
    case 8: return body(std::integral_constant<int, 8>());
    default: return body(std::integral_constant<int, 0>());
  }
}

// Rows begin .. end at once, so that short rows share one long loop of exponentials: their scores v, and room for one position
// behind them, become weights. norm: null, or for every row the logarithms of its sums of exponentials.
template <class A, int H> void softmax_in_place(A* v, const int32_t* ptr, int64_t begin, int64_t end, int64_t heads, A* norm) {
  const int64_t h = H ? H : heads, start = ptr[begin], n = (ptr[end] - start) * h;
  A known[H ? H : 1];  // in registers, where the loops over heads unroll
  A* fold = H ? known : v + n;
  for (int64_t r = begin; r < end; ++r) {
    const int64_t first = (ptr[r] - start) * h, last = (ptr[r + 1] - start) * h;
    for (int64_t j = 0; j < h; ++j) fold[j] = first < last ? v[first + j] : A(0);
    for (int64_t i = first + h; i < last; i += h)
      for (int64_t j = 0; j < h; ++j) fold[j] = v[i + j] > fold[j] || v[i + j] != v[i + j] ? v[i + j] : fold[j];
    for (int64_t i = first; i < last; i += h)
      for (int64_t j = 0; j < h; ++j) v[i + j] -= fold[j];
    if (norm) std::copy_n(fold, h, norm + r * h);
  }
  exponentials(v, n);
  for (int64_t r = begin; r < end; ++r) {
    const int64_t first = (ptr[r] - start) * h, last = (ptr[r + 1] - start) * h;
    for (int64_t j = 0; j < h; ++j) fold[j] = A(1e-16);
    for (int64_t i = first; i < last; i += h)
      for (int64_t j = 0; j < h; ++j) fold[j] += v[i + j];
    for (int64_t j = 0; norm && j < h; ++j) norm[r * h + j] += std::log(fold[j]);
    for (int64_t j = 0; j < h; ++j) fold[j] = A(1) / fold[j];
    for (int64_t i = first; i < last; i += h)
      for (int64_t j = 0; j < h; ++j) v[i + j] *= fold[j];
  }
}

template <class T, int H> void softmax_rows(const SegmentSoftmax& p, int64_t begin, int64_t end, std::vector<wide_t<T>>& buffer) {
  const int64_t h = H ? H : p.heads, start = p.ptr[begin];
  buffer.resize((p.ptr[end] - start + 1) * h);
  wide_t<T>* v = buffer.data();
  const T* in = static_cast<const T*>(p.in);
  T* out = static_cast<T*>(p.out);
  for (int64_t k = start; k < p.ptr[end]; ++k)
    for (int64_t j = 0; j < h; ++j) v[(k - start) * h + j] = widen(in[at(p.edge, k) * h + j]);
  softmax_in_place<wide_t<T>, H>(v, p.ptr, begin, end, h, nullptr);
  for (int64_t k = start; k < p.ptr[end]; ++k)
    for (int64_t j = 0; j < h; ++j) out[at(p.edge, k) * h + j] = narrow<T>(v[(k - start) * h + j]);
}

template <class T, int H> void softmax_row_backward(const SegmentSoftmax& p, int64_t first, int64_t last, std::vector<wide_t<T>>& buffer) {
  const int64_t h = H ? H : p.heads;
  buffer.resize(h);
  wide_t<T> known[H ? H : 1];
  wide_t<T>* mixed = H ? known : buffer.data();
  std::fill_n(mixed, h, wide_t<T>(0));
  const T* prob = static_cast<const T*>(p.in);
  const T* grad = static_cast<const T*>(p.grad);
  T* out = static_cast<T*>(p.out);
  for (int64_t k = first; k < last; ++k)
    for (int64_t j = 0, e = at(p.edge, k) * h; j < h; ++j) mixed[j] += widen(prob[e + j]) * widen(grad[e + j]);
  for (int64_t k = first; k < last; ++k)
    for (int64_t j = 0, e = at(p.edge, k) * h; j < h; ++j)
      out[e + j] = narrow<T>(widen(prob[e + j]) * (widen(grad[e + j]) - mixed[j]));
}

template <class T, int H> void softmax_ranges(const SegmentSoftmax& p) {
  for_rows(p.ptr, p.rows, p.heads * 8, p.threads, [&](int64_t begin, int64_t end) {
    std::vector<wide_t<T>> buffer;
    if (p.grad) {
      for (int64_t r = begin; r < end; ++r) softmax_row_backward<T, H>(p, p.ptr[r], p.ptr[r + 1], buffer);
      return;
    }
    for_stretches(p.ptr, begin, end, 4096 / p.heads, [&](int64_t r, int64_t stop) { softmax_rows<T, H>(p, r, stop, buffer); });
  });
}

template <class T> void segment_softmax(const SegmentSoftmax& p) {
  const int64_t edges = p.ptr[p.rows];
  if (p.heads == 0 || edges == 0) return;
  advise_huge(p.out, edges * p.heads * int64_t(sizeof(T)));
  const auto run = [](const SegmentSoftmax& p) {
    by_heads(p.heads, [&p](auto h) { softmax_ranges<T, decltype(h)::value>(p); });
  };
  if (!p.edge || !is_short<T>(p.heads)) return run(p);
  const auto in = arranged(static_cast<const T*>(p.in), p.heads, p.edge, edges, p.threads);
  const auto grad = p.grad ? arranged(static_cast<const T*>(p.grad), p.heads, p.edge, edges, p.threads) : nullptr;
  SegmentSoftmax q = p;
  q.edge = nullptr, q.in = in.get(), q.grad = grad.get(), q.out = in.get();  // in place: a row is read before it is written
  run(q);
  dispersed(in.get(), p.heads, p.edge, edges, static_cast<T*>(p.out), p.threads);
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
