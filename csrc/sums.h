// Sums of a few neighbouring numbers, always in the same order: sixteen lanes, folded in halves.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "numeric.h"

namespace gv {
namespace GV_ISA {
namespace {

template <class A> struct Lanes { typedef A type __attribute__((vector_size(16 * sizeof(A)))); };

// The compiler keeps vector types in registers, where a loop over an array would fold them through memory.
template <class A> inline A fold(const typename Lanes<A>::type& v) {
  const auto a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  const auto b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
  const auto c = __builtin_shufflevector(b, b, 0, 1) + __builtin_shufflevector(b, b, 2, 3);
  return c[0] + c[1];
}

template <class A> inline void add_lanes(typename Lanes<A>::type& lane, const A* m, int64_t n) {
  typename Lanes<A>::type v = {};
  std::memcpy(&v, m, n * sizeof(A));
  lane += v;
}

// The same in the same order for a length that the compiler knows.
template <class A, int64_t N> inline A sum(const A* m, std::integral_constant<int64_t, N>) {
  if constexpr (N < 16) {
    A lane[N];
    for (int64_t j = 0; j < N; ++j) lane[j] = m[j];
#pragma GCC unroll 4
    for (int64_t half = N / 2; half > 0; half /= 2)
      for (int64_t j = 0; j < half; ++j) lane[j] += lane[j + half];
    return lane[0];
  } else {
    typename Lanes<A>::type lane = {};
    for (int64_t i = 0; i < N; i += 16) add_lanes<A>(lane, m + i, 16);
    return fold<A>(lane);
  }
}

template <class A> inline A sum(const A* m, int64_t n) {
  if (n == 1) return m[0];
  typename Lanes<A>::type lane = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) add_lanes<A>(lane, m + i, 16);
  if (i < n) add_lanes<A>(lane, m + i, n - i);
  return fold<A>(lane);
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
