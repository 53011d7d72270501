// The Python module grapevine._core. Addresses come as integers: the Python side has checked shapes, dtypes and layout.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <stdexcept>
#include <string>

#include "farthest_points.h"
#include "kernels.h"

namespace nb = nanobind;

void bind_sampling(nb::module_& m);  // sampling_bind.cpp

namespace {

template <class T> T* as(uintptr_t address) { return reinterpret_cast<T*>(address); }
using address = uintptr_t;

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "Grapevine's compiled kernels; grapevine.ops is their contract.";
  using unlocked = nb::call_guard<nb::gil_scoped_release>;

  m.def("instruction_set", [] { return std::string(gv::chosen().name); });
  m.def("choose", [](const std::string& name) {
    if (!gv::choose(name.c_str())) throw std::invalid_argument("no kernels for instruction set " + name + " on this processor");
  });

  m.def("sort_rows", [](address index, int64_t count, int64_t rows, address ptr, address perm, int threads) {
    return gv::sort_rows(as<const int64_t>(index), count, rows, as<int32_t>(ptr), as<int32_t>(perm), threads);
  }, unlocked());

  m.def("farthest_points", [](bool wide, int64_t graphs, int64_t dims, address x, address ptr, address begin, address start,
                              address out, int threads) {
    gv::farthest_points({wide, graphs, dims, as<const void>(x), as<const int64_t>(ptr), as<const int64_t>(begin),
                         as<const int64_t>(start), as<int64_t>(out), threads});
  }, unlocked());

  m.def("gather_reduce", [](int dtype, int reduce, int64_t rows, int64_t features, int64_t groups, address ptr,
                            address x_row, address w_row, address x, address w, address out, address ties, address a,
                            address dots, int threads) {
    gv::chosen().gather_reduce({dtype, reduce, rows, features, groups, as<const int32_t>(ptr), as<const int32_t>(x_row),
                                as<const int32_t>(w_row), as<const void>(x), as<const void>(w), as<void>(out),
                                as<int32_t>(ties), as<const void>(a), as<void>(dots), threads});
  }, unlocked());

  m.def("extreme_backward", [](int dtype, int64_t rows, int64_t results, int64_t features, int64_t groups, address ptr,
                               address edge, address other, bool x_on_edge, address x, address w, address out,
                               address share, address ties, address grad_x, address grad_w, int threads) {
    gv::chosen().extreme_backward({dtype, rows, results, features, groups, as<const int32_t>(ptr),
                                   as<const int32_t>(edge), as<const int32_t>(other), x_on_edge, as<const void>(x),
                                   as<const void>(w), as<const void>(out), as<const void>(share), as<const int32_t>(ties),
                                   as<void>(grad_x), as<void>(grad_w), threads});
  }, unlocked());

  m.def("edge_dot", [](int dtype, int64_t rows, int64_t features, int64_t heads, address ptr, address edge, address b_row,
                       address a, address b, address out, int threads) {
    gv::chosen().edge_dot({dtype, rows, features, heads, as<const int32_t>(ptr), as<const int32_t>(edge),
                           as<const int32_t>(b_row), as<const void>(a), as<const void>(b), as<void>(out), threads});
  }, unlocked());

  m.def("segment_softmax", [](int dtype, int64_t rows, int64_t heads, address ptr, address edge, address in, address grad,
                              address out, int threads) {
    gv::chosen().segment_softmax({dtype, rows, heads, as<const int32_t>(ptr), as<const int32_t>(edge), as<const void>(in),
                                  as<const void>(grad), as<void>(out), threads});
  }, unlocked());

  m.def("attention", [](int dtype, bool backward, int64_t rows, int64_t others, int64_t features, int64_t heads,
                        address ptr, address other, address edge, address x, address scores, address norm, address out,
                        address grad, address grad_x, address grad_scores, int threads) {
    gv::chosen().attention({dtype, backward, rows, others, features, heads, as<const int32_t>(ptr), as<const int32_t>(other),
                            as<const int32_t>(edge), as<const void>(x), as<const void>(scores), as<void>(norm),
                            as<void>(out), as<const void>(grad), as<void>(grad_x), as<void>(grad_scores), threads});
  }, unlocked());

  m.def("edge_program", [](int dtype, int64_t rows, int64_t features, int64_t leaves, int64_t instructions, int64_t slots,
                           int64_t outputs, address leaf, address code, address output,
                           address ptr, address edge, address other, address ties, int threads) {
    gv::chosen().edge_program({dtype, rows, features, leaves, instructions, slots, outputs,
                               as<const gv::Leaf>(leaf), as<const gv::Instruction>(code), as<const gv::Output>(output),
                               as<const int32_t>(ptr), as<const int32_t>(edge), as<const int32_t>(other),
                               as<int32_t>(ties), threads});
  }, unlocked());

  bind_sampling(m);
}
