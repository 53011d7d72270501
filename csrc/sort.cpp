// Stable counting sort of edges by one endpoint.
#include <algorithm>
#include <vector>

#include "kernels.h"
#include "rows.h"

namespace gv {

bool sort_rows(const int64_t* index, int64_t count, int64_t rows, int32_t* ptr, int32_t* perm, int threads) {
  // Each thread counts and places one stretch of the edges; stretches are ordered, so the sort stays stable.
  const int64_t stretches = count < (1 << 16) || rows > count ? 1 : std::max(1, std::min(threads, 16));
  std::vector<int32_t> counts(size_t(stretches) * size_t(rows), 0);
  std::vector<char> ascending(stretches, 1);
  const auto bounds = [&](int64_t s) { return count * s / stretches; };
  for_each(stretches, count, int(stretches), [&](int64_t s) {
    int32_t* c = counts.data() + s * rows;
    char up = 1;
    for (int64_t e = bounds(s), end = bounds(s + 1); e < end; ++e) {
      ++c[index[e]];
      up &= char(e == 0 || index[e - 1] <= index[e]);
    }
    ascending[s] = up;
  });
  int32_t total = 0;
  for (int64_t r = 0; r < rows; ++r) {
    ptr[r] = total;
    for (int64_t s = 0; s < stretches; ++s) {
      int32_t& c = counts[s * rows + r];
      const int32_t here = c;
      c = total;
      total += here;
    }
  }
  ptr[rows] = total;
  if (std::all_of(ascending.begin(), ascending.end(), [](char a) { return a != 0; })) return true;
  advise_huge(perm, count * 4);
  for_each(stretches, count, int(stretches), [&](int64_t s) {
    int32_t* next = counts.data() + s * rows;
    for (int64_t e = bounds(s), end = bounds(s + 1); e < end; ++e) perm[next[index[e]]++] = int32_t(e);
  });
  return false;
}

}  // namespace gv
