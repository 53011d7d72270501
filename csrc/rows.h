// How rows are dealt out to threads: pieces of about equal work, owned by one thread each.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gv {
namespace {

// Compilers take a function that only prefetches for one without effects and drop its calls, unless it is inlined.
#define GV_INLINE __attribute__((always_inline)) inline

constexpr int64_t kAhead = 32;  // positions between the prefetch of a row and its use
constexpr int64_t kBatch = 8;   // rows asked for at once, where a row's work is long: their misses in the page tables then overlap

// Asks for what will be read later, into the second cache: it keeps more requests under way than the first does.
GV_INLINE void prefetch(const void* data, int64_t bytes) {
  const char* first = static_cast<const char*>(data);
  for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(first + b, 0, 2);
  __builtin_prefetch(first + bytes - 1, 0, 2);  // rows need not begin where a line does
}

// Large fresh buffers cost more in page faults than in writes: ask for huge pages before the first write.
inline void advise_huge(void* data, int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr int64_t huge = 2 << 20;
  if (bytes < 2 * huge) return;
  const auto begin = (reinterpret_cast<uintptr_t>(data) + huge - 1) / huge * huge;
  const auto end = (reinterpret_cast<uintptr_t>(data) + uintptr_t(bytes)) / huge * huge;
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

// First row r with ptr[r] + r >= work: cuts the rows where edges and rows together weigh alike.
inline int64_t cut(const int32_t* ptr, int64_t rows, int64_t work) {
  int64_t low = 0, high = rows;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (int64_t(ptr[middle]) + middle < work) low = middle + 1; else high = middle;
  }
  return low;
}

// Calls body(first, last) for ranges of rows; every row lies in exactly one range.
template <class Body>
void for_rows(const int32_t* ptr, int64_t rows, int64_t cost_per_edge, int threads, Body body) {
  const int64_t total = int64_t(ptr[rows]) + rows;
  const int64_t pieces = std::min<int64_t>(total / 512 + 1, std::max<int64_t>(1, total * cost_per_edge / 65536));
  if (threads <= 1 || pieces <= 1) return body(int64_t(0), rows);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int64_t i = 0; i < pieces; ++i)
    body(cut(ptr, rows, total * i / pieces), i + 1 == pieces ? rows : cut(ptr, rows, total * (i + 1) / pieces));
}

// Calls body(r, stop) for stretches of the rows begin .. end: of at most `positions` positions, or of one row.
template <class Body> void for_stretches(const int32_t* ptr, int64_t begin, int64_t end, int64_t positions, Body body) {
  for (int64_t r = begin, stop; r < end; r = stop) {
    stop = r + 1;
    while (stop < end && ptr[stop + 1] - ptr[r] <= positions) ++stop;
    body(r, stop);
  }
}

// Calls body(i) for i in [0, count), in parallel where it is worth it.
template <class Body> void for_each(int64_t count, int64_t cost_each, int threads, Body body) {
  if (threads <= 1 || count * cost_each < 65536) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int64_t i = 0; i < count; ++i) body(i);
}

inline int64_t at(const int32_t* index, int64_t k) { return index ? index[k] : k; }

// Calls body with a width as a constant where it is a common one.
template <class Body> inline void fixed(int64_t width, Body body) {
  switch (width) {
    case 1: return body(std::integral_constant<int64_t, 1>());
    case 4: return body(std::integral_constant<int64_t, 4>());
    case 8: return body(std::integral_constant<int64_t, 8>());
    case 16: return body(std::integral_constant<int64_t, 16>());
    case 32: return body(std::integral_constant<int64_t, 32>());
    case 64: return body(std::integral_constant<int64_t, 64>());
    default: return body(width);
  }
}

// Memory that is not written before it is used: its pages are made by the threads that fill it.
template <class T> using Fresh = std::unique_ptr<T[]>;
template <class T> Fresh<T> fresh(int64_t count) {
  Fresh<T> out(new T[count]);
  advise_huge(out.get(), count * int64_t(sizeof(T)));
  return out;
}

// Short rows are brought into the order of the positions first: read there one by one, each would cost a miss in the caches
// and in the page tables beside those of the long rows, and here many are under way at once.
template <class T> void arrange(const T* rows, int64_t width, const int32_t* index, int64_t count, T* to) {
  fixed(width, [&](auto n) {
    for (int64_t k = 0; k < count; ++k) {
      if (k + 32 < count) __builtin_prefetch(rows + index[k + 32] * n);
      for (int64_t j = 0; j < n; ++j) to[k * n + j] = rows[index[k] * n + j];
    }
  });
}

// The way back for some positions: row k of `from` to row index[k].
template <class T> void disperse(const T* from, int64_t width, const int32_t* index, int64_t count, T* rows) {
  fixed(width, [&](auto n) {
    for (int64_t k = 0; k < count; ++k) {
      if (k + 32 < count) __builtin_prefetch(rows + index[k + 32] * n, 1);
      for (int64_t j = 0; j < n; ++j) rows[index[k] * n + j] = from[k * n + j];
    }
  });
}

// All positions at once, in pieces for the threads.
template <class T> Fresh<T> arranged(const T* rows, int64_t width, const int32_t* index, int64_t count, int threads) {
  Fresh<T> out = fresh<T>(count * width);
  constexpr int64_t piece = 16384;
  for_each((count + piece - 1) / piece, piece * width, threads, [&](int64_t i) {
    arrange(rows, width, index + i * piece, std::min(piece, count - i * piece), out.get() + i * piece * width);
  });
  return out;
}
template <class T> void dispersed(const T* from, int64_t width, const int32_t* index, int64_t count, T* rows, int threads) {
  constexpr int64_t piece = 16384;
  for_each((count + piece - 1) / piece, piece * width, threads, [&](int64_t i) {
    disperse(from + i * piece * width, width, index + i * piece, std::min(piece, count - i * piece), rows);
  });
}

template <class T> bool is_short(int64_t width) { return width * int64_t(sizeof(T)) <= 64; }

}  // namespace
}  // namespace gv
