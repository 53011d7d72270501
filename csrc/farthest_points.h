// Farthest point sampling: one after the other, the point that is farthest from those already chosen.
#pragma once

#include <cstdint>

namespace gv {

struct FarthestPoints {
  bool wide;  // float64, not float32
  int64_t graphs, dims;
  const void* x;         // points, dims numbers each
  const int64_t* ptr;    // graph g owns the points ptr[g] .. ptr[g + 1] - 1,
  const int64_t* begin;  // writes out[begin[g]] .. out[begin[g + 1] - 1], no more than it has points,
  const int64_t* start;  // and begins with its point number start[g]
  int64_t* out;
  int threads;
};

void farthest_points(const FarthestPoints& p);

}  // namespace gv
