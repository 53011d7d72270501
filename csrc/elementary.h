// Elementary functions in forms that compilers vectorise.
#pragma once

#include <cmath>

#include "numeric.h"

namespace gv {
namespace GV_ISA {
namespace {

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

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
