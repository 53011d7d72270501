// A graph's points lie in a tree of boxes. Each box knows which of its points is farthest from the chosen ones; a new
// choice concerns only boxes that are nearer to it than that, so most of them are left alone, and the result is the
// same as if every point had been looked at. Graphs are independent: one thread each.
#include "farthest_points.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "rows.h"

namespace gv {
namespace {

constexpr int64_t kLeaf = 64;
constexpr double kRounding = 1 - 1e-5;  // a box's distance may be rounded otherwise than that of a point in its corner

template <class T> class Cloud {
 public:
  Cloud(const T* x, int64_t count, int64_t dims)
      : x_(x), count_(count), dims_(dims), point_(count), place_(count * dims), apart_(count, kFar), chosen_(dims) {
    std::iota(point_.begin(), point_.end(), int64_t(0));
    build(0, count);
    for (int64_t d = 0; d < dims; ++d)
      for (int64_t i = 0; i < count; ++i) place_[d * count + i] = x[point_[i] * dims + d];
  }

  void choose(int64_t start, int64_t number, int64_t offset, int64_t* out) {
    int64_t next = std::find(point_.begin(), point_.end(), start) - point_.begin();
    for (int64_t i = 0; i < number; ++i) {
      out[i] = offset + point_[next];
      apart_[next] = -1;  // never again
      for (int64_t d = 0; d < dims_; ++d) chosen_[d] = place_[d * count_ + next];
      update(0, next);
      next = tree_[0].farthest;
    }
  }

 private:
  static constexpr T kFar = std::numeric_limits<T>::infinity();

  struct Box {
    int64_t first, last;  // positions
    int64_t right;        // the second half; the first half is the next box; 0: a leaf
    int64_t farthest;     // of these, the position farthest from the chosen points, of equal ones the first point
    T apart;              // its squared distance
  };

  int64_t build(int64_t first, int64_t last) {
    const int64_t box = int64_t(tree_.size());
    tree_.push_back({first, last, 0, first, kFar});
    low_.resize(low_.size() + dims_, kFar);
    high_.resize(high_.size() + dims_, -kFar);
    T* low = low_.data() + box * dims_;
    T* high = high_.data() + box * dims_;
    for (int64_t i = first; i < last; ++i)
      for (int64_t d = 0; d < dims_; ++d) {
        const T v = x_[point_[i] * dims_ + d];
        low[d] = std::min(low[d], v);
        high[d] = std::max(high[d], v);
      }
    if (last - first <= kLeaf) {
      std::sort(point_.begin() + first, point_.begin() + last);
      return box;
    }
    int64_t widest = 0;
    for (int64_t d = 1; d < dims_; ++d)
      if (high[d] - low[d] > high[widest] - low[widest]) widest = d;
    const auto along = [&](int64_t point) {
      const T v = x_[point * dims_ + widest];
      return v == v ? v : kFar;
    };
    const int64_t middle = (first + last) / 2;
    std::nth_element(point_.begin() + first, point_.begin() + middle, point_.begin() + last,
                     [&](int64_t a, int64_t b) { return along(a) < along(b); });
    build(first, middle);
    tree_[box].right = build(middle, last);
    settle(box);
    return box;
  }

  // The farther one of the halves' farthest points.
  void settle(int64_t index) {
    Box& box = tree_[index];
    const Box& a = tree_[index + 1];
    const Box& b = tree_[box.right];
    const bool first = a.apart > b.apart || (a.apart == b.apart && point_[a.farthest] < point_[b.farthest]);
    box.apart = first ? a.apart : b.apart;
    box.farthest = first ? a.farthest : b.farthest;
  }

  // Takes the newest choice, the point at position `own`, into account.
  void update(int64_t index, int64_t own) {
    Box& box = tree_[index];
    const T* low = low_.data() + index * dims_;
    const T* high = high_.data() + index * dims_;
    if (own < box.first || own >= box.last) {
      T near = 0;
      for (int64_t d = 0; d < dims_; ++d) {
        const T gap = std::max(std::max(low[d] - chosen_[d], chosen_[d] - high[d]), T(0));
        near += gap * gap;
      }
      if (near * T(kRounding) >= box.apart) return;
    }
    if (box.right) {
      update(index + 1, own);
      update(box.right, own);
      return settle(index);
    }
    const int64_t n = box.last - box.first;
    T distance[kLeaf] = {};
    for (int64_t d = 0; d < dims_; ++d) {
      const T* place = place_.data() + d * count_ + box.first;
      for (int64_t i = 0; i < n; ++i) distance[i] += (place[i] - chosen_[d]) * (place[i] - chosen_[d]);
    }
    T* apart = apart_.data() + box.first;
    T most = -1;
    for (int64_t i = 0; i < n; ++i) {
      apart[i] = distance[i] < apart[i] ? distance[i] : apart[i];
      most = apart[i] > most ? apart[i] : most;
    }
    box.apart = most;
    box.farthest = box.first + (std::find(apart, apart + n, most) - apart);
  }

  const T* x_;
  int64_t count_, dims_;
  std::vector<int64_t> point_;  // at each position; boxes own ranges of positions
  std::vector<T> place_;        // coordinates by position, one axis after the other
  std::vector<T> apart_;        // squared distance from the nearest chosen point; -1: chosen
  std::vector<T> chosen_;       // where the newest choice lies
  std::vector<Box> tree_;
  std::vector<T> low_, high_;  // corners of the boxes
};

template <class T> void run(const FarthestPoints& p) {
  const T* x = static_cast<const T*>(p.x);
  const int64_t each = p.graphs ? p.ptr[p.graphs] / p.graphs : 0;
  for_each(p.graphs, each * 64, p.threads, [&](int64_t g) {
    const int64_t first = p.ptr[g], count = p.ptr[g + 1] - first, number = p.begin[g + 1] - p.begin[g];
    if (number > 0)
      Cloud<T>(x + first * p.dims, count, p.dims).choose(p.start[g], number, first, p.out + p.begin[g]);
  });
}

}  // namespace

void farthest_points(const FarthestPoints& p) { p.wide ? run<double>(p) : run<float>(p); }

}  // namespace gv
