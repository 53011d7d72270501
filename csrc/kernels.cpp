// Compiled once per instruction set, each time into the namespace GV_ISA.
#include "kernels.h"

#include "attention.h"
#include "edge_dot.h"
#include "edge_program.h"
#include "extreme_backward.h"
#include "gather_reduce.h"
#include "segment_softmax.h"

#define GV_TEXT_(x) #x
#define GV_TEXT(x) GV_TEXT_(x)

namespace gv {
namespace GV_ISA {
namespace {

template <template <class> class Kernel, class Args> void by_dtype(const Args& p) {
  switch (p.dtype) {
    case kFloat32: return Kernel<float>::run(p);
    case kFloat64: return Kernel<double>::run(p);
    case kBFloat16: return Kernel<bfloat16>::run(p);
    case kFloat16: return Kernel<float16>::run(p);
  }
}

template <class T> struct RunGatherReduce { static void run(const GatherReduce& p) { gather_reduce<T>(p); } };
template <class T> struct RunExtremeBackward { static void run(const ExtremeBackward& p) { extreme_backward<T>(p); } };
template <class T> struct RunEdgeDot { static void run(const EdgeDot& p) { edge_dot<T>(p); } };
template <class T> struct RunSegmentSoftmax { static void run(const SegmentSoftmax& p) { segment_softmax<T>(p); } };
template <class T> struct RunAttention { static void run(const Attention& p) { attention<T>(p); } };
template <class T> struct RunEdgeProgram { static void run(const EdgeProgram& p) { edge_program<T>(p); } };

}  // namespace

extern const Kernels kernels;
const Kernels kernels = {
    GV_TEXT(GV_ISA),
    by_dtype<RunGatherReduce, GatherReduce>,
    by_dtype<RunExtremeBackward, ExtremeBackward>,
    by_dtype<RunEdgeDot, EdgeDot>,
    by_dtype<RunSegmentSoftmax, SegmentSoftmax>,
    by_dtype<RunAttention, Attention>,
    by_dtype<RunEdgeProgram, EdgeProgram>,
};

}  // namespace GV_ISA
}  // namespace gv
