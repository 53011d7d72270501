// The machine that edge programs run on: an accumulator of some lanes, which stays in registers from one instruction to the
// next, and slots in memory. An instruction brings one slot into the accumulator, so the price of its dispatch is shared by all
// lanes and a result that the next instruction reads is never stored.
#pragma once

#include <cmath>
#include <cstring>

#include "elementary.h"
#include "kernels.h"
#include "numeric.h"
#include "rows.h"

namespace gv {
namespace GV_ISA {
namespace {

#ifdef __AVX512F__
constexpr int kBytes = 64;  // of a register
#else
constexpr int kBytes = 32;
#endif
constexpr int kRegisters = 256 / kBytes;  // at most half of what there are: the rest is for operands
template <class A> struct Register {
  typedef A type __attribute__((vector_size(kBytes)));
  static constexpr int numbers = kBytes / sizeof(A);
};
template <class A> constexpr int64_t kLanes = kRegisters * Register<A>::numbers;

// What an instruction reads: a number for every lane, or one for each 2^shared lanes, which fill registers.
template <class A> struct Operand {
  const A* data;
  int32_t shared;  // -1: none are
};
constexpr int32_t kAllLanes = 16;  // one number for all

// Functions that are loops over the lanes in memory, not worth a case among the instructions on registers.
template <class T> __attribute__((noinline)) void far_instruction(int32_t op, wide_t<T>* __restrict lane, Operand<wide_t<T>> b) {
  using A = wide_t<T>;
  const auto each = [lane](auto f) {
    for (int64_t i = 0; i < kLanes<A>; ++i) lane[i] = f(lane[i]);
  };
  const auto other = [b](int64_t i) { return b.data[b.shared < 0 ? i : i >> b.shared]; };
  switch (op) {
    case kAbs: return each([](A x) { return std::fabs(x); });
    case kSign: return each([](A x) { return A(x > A(0)) - A(x < A(0)); });
    case kExp: return each([](A x) { return exponential(x); });
    case kLog: return each([](A x) { return std::log(x); });
    case kLog1p: return each([](A x) { return std::log1p(x); });
    case kExpm1: return each([](A x) { return std::expm1(x); });
    case kSqrt: return each([](A x) { return std::sqrt(x); });
    case kSin: return each([](A x) { return std::sin(x); });
    case kCos: return each([](A x) { return std::cos(x); });
    case kTanh: return each([](A x) { return tangent(x); });
    case kSigmoid: return each([](A x) { return sigmoid(x); });
    case kErf: return each([](A x) { return std::erf(x); });
    case kRound: return each([](A x) { return rounded<T>(x); });
    case kPow: for (int64_t i = 0; i < kLanes<A>; ++i) lane[i] = std::pow(lane[i], other(i)); return;
    case kPowOf: for (int64_t i = 0; i < kLanes<A>; ++i) lane[i] = std::pow(other(i), lane[i]); return;
  }
}

// Runs the instructions for each block first .. last - 1: `slot` is what they read, `room` where they write, `sums` for each
// output where it is added to, or null where it goes to its room. Ahead of a block before(k) is called, behind it after(k).
template <class T, class Before, class After>
GV_INLINE void run_instructions(const Instruction* code, int64_t count, const Operand<wide_t<T>>* slot, wide_t<T>* const* room,
                                wide_t<T>* const* sums, int64_t first, int64_t last, Before before, const After& after) {
  using A = wide_t<T>;
  using V = typename Register<A>::type;
  using Mask = decltype(V{} > V{});  // all bits of a lane, or none
  constexpr int L = Register<A>::numbers;
  const auto load = [](const A* from) { V x; std::memcpy(&x, from, sizeof(V)); return x; };
  const auto store = [](A* to, const V& x) { std::memcpy(to, &x, sizeof(V)); };
  const auto spread = [](A x) { return x - V{}; };
  const auto part = [&spread](const Operand<A>& b, int j) { return spread(b.data[j * L >> b.shared]); };  // register j's
  for (int64_t k = first; k < last; ++k) {
    before(k);
    V v[kRegisters] = {};
    const auto each = [&](auto f) {
#pragma GCC unroll 8
      for (int j = 0; j < kRegisters; ++j) f(j);
    };
    // v = f(v, the slot)
    const auto with = [&](int32_t s, auto f) {
      const Operand<A> b = slot[s];
      if (b.shared == kAllLanes) {
        const V y = spread(*b.data);
        each([&](int j) { v[j] = f(v[j], y); });
      } else if (b.shared >= 0) {
        each([&](int j) { v[j] = f(v[j], part(b, j)); });
      } else {
        each([&](int j) { v[j] = f(v[j], load(b.data + j * L)); });
      }
    };
    for (const Instruction* in = code; in != code + count; ++in) {
      switch (in->op) {
        case kLoad: with(in->a, [](const V&, const V& y) { return y; }); break;
        case kAdd: with(in->a, [](const V& x, const V& y) { return x + y; }); break;
        case kSub: with(in->a, [](const V& x, const V& y) { return x - y; }); break;
        case kSubOf: with(in->a, [](const V& x, const V& y) { return y - x; }); break;
        case kMul: with(in->a, [](const V& x, const V& y) { return x * y; }); break;
        case kDiv: with(in->a, [](const V& x, const V& y) { return x / y; }); break;
        case kDivOf: with(in->a, [](const V& x, const V& y) { return y / x; }); break;
        case kMaximum: with(in->a, [](const V& x, const V& y) { return (x > y) | (x != x) ? x : y; }); break;
        case kMinimum: with(in->a, [](const V& x, const V& y) { return (x < y) | (x != x) ? x : y; }); break;
        case kGt: with(in->a, [](const V& x, const V& y) { return V(x > y); }); break;
        case kGe: with(in->a, [](const V& x, const V& y) { return V(x >= y); }); break;
        case kLt: with(in->a, [](const V& x, const V& y) { return V(x < y); }); break;
        case kLe: with(in->a, [](const V& x, const V& y) { return V(x <= y); }); break;
        case kEq: with(in->a, [](const V& x, const V& y) { return V(x == y); }); break;
        case kTruth: each([&](int j) { v[j] = V(v[j] != V{}); }); break;
        case kNumber: each([&, y = spread(A(1))](int j) { v[j] = Mask(v[j]) < 0 ? y : V{}; }); break;
        case kWhere: {
          const Operand<A> a = slot[in->a], b = slot[in->b];
          const auto choose = [&](auto yes, auto no) {
            each([&](int j) { v[j] = Mask(v[j]) < 0 ? yes(j) : no(j); });
          };
          const auto lanes = [&](const Operand<A>& s) { return [&load, &s](int j) { return load(s.data + j * L); }; };
          const auto parts = [&](const Operand<A>& s) { return [&part, &s](int j) { return part(s, j); }; };
          if (a.shared >= 0 && b.shared >= 0) choose(parts(a), parts(b));
          else if (a.shared >= 0) choose(parts(a), lanes(b));
          else if (b.shared >= 0) choose(lanes(a), parts(b));
          else choose(lanes(a), lanes(b));
          break;
        }
        case kNeg: each([&](int j) { v[j] = -v[j]; }); break;
        case kRelu: each([&](int j) { v[j] = v[j] <= V{} ? V{} : v[j]; }); break;
        case kEmit:
          if (A* to = sums[in->b]) {
            each([&](int j) { store(to + j * L, load(to + j * L) + v[j]); });
          } else {
            to = room[in->a];
            each([&](int j) { store(to + j * L, v[j]); });
          }
          break;
        default: {
          alignas(64) A lane[kLanes<A>];
          each([&](int j) { store(lane + j * L, v[j]); });
          far_instruction<T>(in->op, lane, slot[in->a]);
          each([&](int j) { v[j] = load(lane + j * L); });
        }
      }
      if (in->out >= 0) {
        A* to = room[in->out];
        each([&](int j) { store(to + j * L, v[j]); });
      }
    }
    after(k);
  }
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
