// Storage types and the wider types in which they are accumulated.
#pragma once

#include <cstdint>
#include <cstring>

namespace gv {
namespace {

struct bfloat16 { uint16_t bits; };
struct float16 { uint16_t bits; };

template <class T> struct Wide { using type = float; };
template <> struct Wide<double> { using type = double; };
template <class T> using wide_t = typename Wide<T>::type;

inline float as_float(uint32_t bits) { float f; std::memcpy(&f, &bits, 4); return f; }
inline uint32_t as_bits(float f) { uint32_t b; std::memcpy(&b, &f, 4); return b; }

inline float widen(float v) { return v; }
inline double widen(double v) { return v; }
inline float widen(bfloat16 v) { return as_float(uint32_t(v.bits) << 16); }
inline float widen(float16 v) {
  const uint32_t sign = uint32_t(v.bits & 0x8000u) << 16, rest = v.bits & 0x7fffu;
  if (rest >= 0x7c00u) return as_float(sign | 0x7f800000u | (rest & 0x3ffu) << 13);  // inf, nan
  // Scaling by 2^112 moves the exponent, denormals included.
  return as_float(sign | as_bits(as_float(rest << 13) * 0x1p112f));
}

template <class T> T narrow(wide_t<T> v);
template <> inline float narrow<float>(float v) { return v; }
template <> inline double narrow<double>(double v) { return v; }
template <> inline bfloat16 narrow<bfloat16>(float v) {
  const uint32_t b = as_bits(v);
  if (v != v) return {uint16_t((b >> 16) | 0x40u)};
  return {uint16_t((b + 0x7fffu + ((b >> 16) & 1u)) >> 16)};  // to nearest, ties to even
}
template <> inline float16 narrow<float16>(float v) {
  const uint32_t b = as_bits(v), sign = (b >> 16) & 0x8000u, rest = b & 0x7fffffffu;
  if (rest > 0x7f800000u) return {uint16_t(sign | 0x7e00u)};
  if (rest >= 0x477ff000u) return {uint16_t(sign | 0x7c00u)};  // rounds to infinity
  if (rest < 0x38800000u) {  // denormal in half: let the float adder round
    const uint32_t m = as_bits(as_float(rest) + 0.5f) - as_bits(0.5f);
    return {uint16_t(sign | m)};
  }
  const uint32_t rounded = rest + 0xfffu + ((rest >> 13) & 1u);
  return {uint16_t(sign | ((rounded - 0x38000000u) >> 13))};
}
// A value as it would be after being stored: what comparisons for max and min see.
template <class T> inline wide_t<T> rounded(wide_t<T> v) { return widen(narrow<T>(v)); }
template <> inline float rounded<float>(float v) { return v; }
template <> inline double rounded<double>(double v) { return v; }

// Whether v takes the place of the best so far; a nan wins, and stays.
template <bool kLargest, class A> inline bool beats(A v, A best) {
  return (kLargest ? !(v <= best) : !(v >= best)) && best == best;
}

// e^x for x <= 0, to about 1 ulp, in a form that compilers vectorise (Cephes' polynomial); 0 below -87.3, as exp rounds there to denormals.
inline float exp_nonpositive(float x) {
  const float clamped = x < -87.3f ? -87.3f : x;
  const float shifted = clamped * 1.44269504f + 12582912.0f;  // round to an integer in the low mantissa bits
  const float n = shifted - 12582912.0f;
  const float r = clamped - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const float scale = as_float((as_bits(shifted) + 127u) << 23);
  const float y = p * scale;
  return x < -87.3f ? 0.0f : (x == x ? y : x);
}

}  // namespace
}  // namespace gv
