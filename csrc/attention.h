// out[r] = the sum over the positions k of row r of p[k, h] * x[other[k]], p the softmax of the scores over the row; and its
// derivative, along the reversed edges. The weights p exist for some thousand positions at a time, between the scores and the sum.
#pragma once

#include "gather_reduce.h"
#include "segment_softmax.h"

namespace gv {
namespace GV_ISA {
namespace {

// The scores of some positions, widened, become weights.
template <class T> class Scores {
 protected:
  using A = wide_t<T>;

  // Loads the scores of positions first .. last; there is room for one more.
  A* load(const GatherReduce& p, int64_t first, int64_t last) {
    const int64_t count = last - first, h = p.groups;
    weights_.resize((count + 1) * h);
    const T* scores = static_cast<const T*>(p.w);
    if (p.w_row) arrange(scores, h, p.w_row + first, count, weights_.data());
    else std::copy_n(scores + first * h, count * h, weights_.data());
    if constexpr (std::is_same<T, A>::value) return weights_.data();
    wide_.resize(weights_.size());
    for (int64_t i = 0; i < count * h; ++i) wide_[i] = widen(weights_[i]);
    return wide_.data();
  }

  // The arguments with what load() returned, changed since, as weights.
  GatherReduce weighted(const GatherReduce& p, int64_t first, int64_t last) {
    if constexpr (!std::is_same<T, A>::value)
      for (int64_t i = 0; i < (last - first) * p.groups; ++i) weights_[i] = narrow<T>(wide_[i]);
    GatherReduce q = p;
    q.w = weights_.data(), q.w_row = nullptr, q.begin = first;
    return q;
  }

 private:
  std::vector<T> weights_;
  std::vector<A> wide_;
};

// For the sum: every row's weights, and what is needed to find them again.
template <class T> struct Softmaxed : Scores<T> {
  template <class Body> void with(const GatherReduce& p, int64_t from, int64_t to, Body body) {
    using A = wide_t<T>;
    A* v = this->load(p, p.ptr[from], p.ptr[to]);
    by_heads(p.groups, [&](auto h) {
      softmax_in_place<A, decltype(h)::value>(v, p.ptr, from, to, p.groups, static_cast<A*>(p.norm));
    });
    body(this->weighted(p, p.ptr[from], p.ptr[to]));
  }
  template <class Body> void whole(const GatherReduce& p, int64_t row, Body body) { with(p, row, row + 1, body); }
  template <class Body> void piece(const GatherReduce& p, int64_t, int64_t, Body body) { body(p); }
};

// For the derivative: the weights found again, and the gradient of the scores from that of the weights.
// norm: for every node at the other end 2 x heads, the second the sum of weights times their gradients.
template <class T> struct Recovered : Scores<T> {
  std::vector<T> dots;
  std::vector<wide_t<T>> norm;

  template <class Body> void with(const GatherReduce& p, int64_t from, int64_t to, Body body) {
    piece(p, p.ptr[from], p.ptr[to], body);
  }
  template <class Body> void whole(const GatherReduce& p, int64_t, Body body) { body(p); }

  template <class Body> void piece(const GatherReduce& p, int64_t first, int64_t last, Body body) {
    by_heads(p.groups, [&](auto heads) {
      using A = wide_t<T>;
      const int64_t known = decltype(heads)::value, h = known ? known : p.groups, count = last - first;
      A* v = this->load(p, first, last);
      norm.resize(count * 2 * h);
      arrange(static_cast<const A*>(p.norm), 2 * h, p.x_row + first, count, norm.data());
      for (int64_t k = 0; k < count; ++k)
        for (int64_t j = 0; j < h; ++j) v[k * h + j] -= norm[k * 2 * h + j];
      exponentials(v, count * h);
      GatherReduce q = this->weighted(p, first, last);
      dots.resize(count * h);
      q.dots = dots.data();
      body(q);
      for (int64_t k = 0; k < count; ++k)
        for (int64_t j = 0; j < h; ++j) dots[k * h + j] = narrow<T>(v[k * h + j] * (widen(dots[k * h + j]) - norm[(k * 2 + 1) * h + j]));
      T* to = static_cast<T*>(p.dots);
      if (p.w_row) disperse(dots.data(), h, p.w_row + first, count, to);
      else std::copy_n(dots.data(), count * h, to + first * h);
    });
  }
};

template <class T> void attention(const Attention& p) {
  using A = wide_t<T>;
  if (p.heads == 0) return;
  GatherReduce q = {};
  q.dtype = p.dtype, q.reduce = kSum, q.rows = p.rows, q.features = p.features, q.groups = p.heads;
  q.ptr = p.ptr, q.x_row = p.other, q.w_row = p.edge, q.w = p.scores, q.threads = p.threads;
  if (!p.backward) {
    q.x = p.x, q.out = p.out, q.norm = p.norm;
    advise_huge(p.out, p.rows * p.features * int64_t(sizeof(T)));
    return by_weights<T, kSum, Softmaxed<T>>(q);
  }
  const int64_t h = p.heads, d = p.features / h, edges = p.ptr[p.rows];
  if (d == 0) {
    std::fill_n(static_cast<T*>(p.grad_scores), edges * h, narrow<T>(0));
    return;
  }
  const Fresh<A> room = fresh<A>(p.others * 2 * h + 64 / sizeof(A));
  A* const norm = reinterpret_cast<A*>((reinterpret_cast<uintptr_t>(room.get()) + 63) / 64 * 64);  // few straddle two cache lines
  for_each((p.others + 1023) / 1024, 1024 * p.features, p.threads, [&](int64_t i) {
    const T* grad = static_cast<const T*>(p.grad) + i * 1024 * p.features;
    const T* out = static_cast<const T*>(p.out) + i * 1024 * p.features;
    const A* from = static_cast<const A*>(p.norm) + i * 1024 * h;
    A* to = norm + i * 1024 * 2 * h;
    for (int64_t n = std::min<int64_t>(1024, p.others - i * 1024); n > 0; --n, grad += p.features, out += p.features, from += h) {
      to = std::copy_n(from, h, to);
      for (int64_t j = 0; j < h; ++j) *to++ = dot(grad + j * d, out + j * d, d);
    }
  });
  q.x = p.grad, q.a = p.x, q.out = p.grad_x, q.dots = p.grad_scores, q.norm = norm;
  advise_huge(p.grad_x, p.rows * p.features * int64_t(sizeof(T)));
  advise_huge(p.grad_scores, edges * h * int64_t(sizeof(T)));
  reduce_rows<T, kWithDots, 1, kSum, Recovered<T>>(q);
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
