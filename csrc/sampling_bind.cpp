// grapevine._core's sampling functions. Addresses come as integers, checked by the Python side.
#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include "sampling.h"

namespace nb = nanobind;

namespace {

using numbers = std::vector<int64_t>;
template <class T> T* as(int64_t address) { return reinterpret_cast<T*>(uintptr_t(address)); }

std::vector<int64_t*> targets(const numbers& addresses) {
  std::vector<int64_t*> out;
  for (const int64_t a : addresses) out.push_back(as<int64_t>(a));
  return out;
}

gv::Relation relation(const numbers& r) {
  return {r[0], r[1], r[2] != 0, as<const void>(r[3]), as<const void>(r[4]), as<const void>(r[5]), r[6], as<const float>(r[7]),
          as<const gv::Alias>(r[8]), as<const int64_t>(r[9]), numbers(r.begin() + 10, r.end())};
}

}  // namespace

void bind_sampling(nb::module_& m) {
  using unlocked = nb::call_guard<nb::gil_scoped_release>;

  nb::class_<gv::Sample>(m, "Sample")
      .def_ro("nodes_per_hop", &gv::Sample::nodes_per_hop)
      .def_ro("edges_per_hop", &gv::Sample::edges_per_hop)
      // drawn: relation, source, target, begin; blocks: (address, rows, size) by owner
      .def("take", [](gv::Sample& s, const numbers& d, const numbers& bounds, const std::vector<numbers>& blocks, bool wide, bool known) {
        gv::Drawn drawn{d[0], d[1], d[2], d[3], bounds, {}, wide, known};
        for (const numbers& b : blocks) drawn.blocks.push_back({as<const void>(b[0]), b[1], b[2]});
        return s.take(drawn);
      }, unlocked())
      .def("count", &gv::Sample::count)
      .def("by_owner", [](const gv::Sample& s, int64_t type, int64_t begin, int64_t end, const numbers& bounds, bool wide,
                          uintptr_t row, uintptr_t slot) {
        return s.by_owner(type, begin, end, bounds, wide, as<void>(int64_t(row)), as<void>(int64_t(slot)));
      }, unlocked())
      .def("write", [](const gv::Sample& s, const numbers& node, const numbers& batch, const numbers& row, const numbers& col,
                       const numbers& edge) {
        s.write(targets(node), targets(batch), targets(row), targets(col), targets(edge));
      }, unlocked());

  // relations: (source, target, wide, ptr, index, edge, step, weight, alias, time, fan-outs by hop ...); seeds: (type, count, node)
  m.def("sample_neighbors", [](const numbers& num_nodes, const std::vector<numbers>& relations, const std::vector<numbers>& seeds,
                               uintptr_t seed_time, uint64_t key, bool replace, bool disjoint, bool induced, bool last,
                               bool again, int64_t dense_limit) {
    gv::Request request{num_nodes, {}, {}, as<const int64_t>(int64_t(seed_time)), key, replace, disjoint, induced, last, again, dense_limit};
    for (const numbers& r : relations) request.relations.push_back(relation(r));
    for (const numbers& s : seeds) request.seeds.push_back({s[0], s[1], as<const int64_t>(s[2])});
    return new gv::Sample(request);
  }, nb::rv_policy::take_ownership, unlocked());

  nb::class_<gv::Picked>(m, "Picked")
      .def_prop_ro("size", &gv::Picked::size)
      .def("write", [](const gv::Picked& p, bool wide, uintptr_t out, int64_t first_edge) {
        p.write(wide, as<void>(int64_t(out)), first_edge);
      }, unlocked());

  m.def("pick_edges", [](const numbers& r, int64_t count, uintptr_t row, uintptr_t slot, uintptr_t time, uint64_t key,
                         int64_t first_row, bool replace, bool last) {
    return new gv::Picked({relation(r), count, as<const int64_t>(int64_t(row)), as<const int64_t>(int64_t(slot)),
                           as<const int64_t>(int64_t(time)), key, first_row, replace, last});
  }, nb::rv_policy::take_ownership, unlocked());

  m.def("alias_tables", [](int64_t rows, bool wide, uintptr_t ptr, uintptr_t weight, uintptr_t out, int threads) {
    gv::alias_tables(rows, wide, reinterpret_cast<const void*>(ptr), reinterpret_cast<const float*>(weight),
                     reinterpret_cast<gv::Alias*>(out), threads);
  }, unlocked());

  m.def("random_walks", [](bool wide, uintptr_t ptr, uintptr_t index, uintptr_t edge, int64_t count, int64_t length,
                           uintptr_t start, double p, double q, double restart, uint64_t key, uintptr_t node, uintptr_t taken) {
    gv::random_walks({wide, reinterpret_cast<const void*>(ptr), reinterpret_cast<const void*>(index),
                      reinterpret_cast<const void*>(edge), count, length, reinterpret_cast<const int64_t*>(start), p, q, restart,
                      key, reinterpret_cast<int64_t*>(node), reinterpret_cast<int64_t*>(taken)});
  }, unlocked());

  m.def("gather_rows", [](uintptr_t from, int64_t row_bytes, uintptr_t index, int64_t count, uintptr_t to) {
    gv::gather_rows(reinterpret_cast<const char*>(from), row_bytes, reinterpret_cast<const int64_t*>(index), count,
                    reinterpret_cast<char*>(to));
  }, unlocked());

  m.def("gather_file", [](int file, int64_t offset, int64_t row_bytes, uintptr_t index, int64_t count, uintptr_t to) {
    return gv::gather_file(file, offset, row_bytes, reinterpret_cast<const int64_t*>(index), count, reinterpret_cast<char*>(to));
  }, unlocked());

  nb::class_<gv::RowCache>(m, "RowCache")
      .def(nb::init<int64_t, int64_t>())
      .def_ro("hits", &gv::RowCache::hits)
      .def_ro("misses", &gv::RowCache::misses)
      .def_prop_ro("bytes", &gv::RowCache::bytes)
      .def("gather", [](gv::RowCache& cache, int file, int64_t offset, uintptr_t index, int64_t count, uintptr_t to) {
        return cache.gather(file, offset, reinterpret_cast<const int64_t*>(index), count, reinterpret_cast<char*>(to));
      }, unlocked());
}
