// Runs an edge program: a message given as a list of element-wise instructions over leaves, reduced per row or written per
// edge; no message is ever stored. The accumulator's lanes hold a block: a tile of one edge's features, or some edges with all
// features that they have.
#pragma once

#include <functional>

#include "accumulator.h"
#include "kernels.h"
#include "numeric.h"
#include "rows.h"
#include "sums.h"

namespace gv {
namespace GV_ISA {
namespace {

// Loops over a row whose length may be a constant. Promised that nothing overlaps, compilers vectorise those that they unroll.
template <class T, class N> inline void widen_row(const T* from, N n, wide_t<T>* __restrict to) {
  for (int64_t j = 0; j < n; ++j) to[j] = widen(from[j]);
}
template <class A, class N> inline void spread(A v, N n, A* __restrict to) {
  for (int64_t j = 0; j < n; ++j) to[j] = v;
}
template <class A, class N> inline void add_row(const A* from, N n, A* __restrict to) {
  for (int64_t j = 0; j < n; ++j) to[j] += from[j];
}
template <class T, class N> inline void narrow_row(const wide_t<T>* from, N n, T* __restrict to) {
  for (int64_t j = 0; j < n; ++j) to[j] = narrow<T>(from[j]);
}

template <class T> class Runner {
  using A = wide_t<T>;

 public:
  explicit Runner(const EdgeProgram& p)
      : p_(p), memory_(p.slots * kLanes<A> * sizeof(A) + 64), room_(p.slots), slot_(p.slots) {
    // Whole cache lines: a vector that straddles two is forwarded to the next instruction's load very slowly.
    A* first = reinterpret_cast<A*>((reinterpret_cast<uintptr_t>(memory_.data()) + 63) / 64 * 64);
    for (int64_t s = 0; s < p.slots; ++s) slot_[s] = {room_[s] = first + s * kLanes<A>, -1};
    for (int64_t s = 0; s < p.leaves; ++s) {
      const Leaf& leaf = p.leaf[s];
      const int32_t* index = leaf.on == kOther ? p.other : leaf.on == kEdge ? p.edge : nullptr;
      if (index) ahead_.push_back({index, static_cast<const char*>(leaf.data), leaf.stride * int64_t(sizeof(T)), leaf.mode == kFull});
    }
  }

  // Features f .. f + width - 1 from now on.
  void turn_to(int64_t f, int64_t width) {
    f_ = f, width_ = width, alone_ = width * 2 > kLanes<A>;
    moving_.clear();
    for (int64_t s = 0; s < p_.leaves; ++s) {
      const Leaf& leaf = p_.leaf[s];
      slot_[s] = {room_[s], shared_lanes(leaf)};
      if (leaf.on == kShared) stage(s, [](int64_t) { return int64_t(0); }, slot_[s].shared >= 0 ? 1 : kLanes<A> / width);
      else if (alone_ && leaf.on != kRow)
        moving_.push_back({s, leaf.on == kOther ? p_.other : leaf.on == kEdge ? p_.edge : nullptr, in_place(s)});
    }
  }

  // Whether a block is one edge.
  bool alone() const { return alone_; }

  // The program at the positions first .. last - 1, all of one row, each a block, with after(k) behind it if there is one; see
  // run_instructions for sums.
  void along(int64_t first, int64_t last, int64_t row, A* const* sums, const std::function<void(int64_t)>& after) {
    for (int64_t s = 0; s < p_.leaves; ++s)
      if (p_.leaf[s].on == kRow) bring(s, row, in_place(s));
    run(first, last, sums, after);
  }

  // The program at `edges` positions from `first`, whose rows are row[0 .. edges - 1], as one block.
  void together(int64_t first, int64_t edges, const int32_t* row, A* const* sums) {
    for (int64_t s = 0; s < p_.leaves; ++s) {
      const int64_t on = p_.leaf[s].on;
      if (on == kRow) stage(s, [row](int64_t e) { return int64_t(row[e]); }, edges);
      else if (on == kOther) stage(s, [this, first](int64_t e) { return at(p_.other, first + e); }, edges);
      else if (on == kEdge) stage(s, [this, first](int64_t e) { return at(p_.edge, first + e); }, edges);
      else if (on == kPosition) stage(s, [first](int64_t e) { return first + e; }, edges);
    }
    run(first, first + 1, sums, nullptr);
  }

  // After a block: edges x width numbers of a result.
  const A* value(int64_t slot) const { return room_[slot]; }

  // Asks for what the `edges` positions from `first` will read, be it for later rows.
  GV_INLINE void look_ahead(int64_t first, int64_t edges) const {
    const int64_t end = std::min(first + edges, int64_t(p_.ptr[p_.rows]));
    for (const Ahead& a : ahead_) {
      const char* data = a.data + (a.tiled ? f_ * int64_t(sizeof(T)) : 0);
      const int64_t bytes = a.tiled ? width_ * int64_t(sizeof(T)) : std::min<int64_t>(a.stride, 256);
      for (int64_t k = first; k < end; ++k) prefetch(data + a.index[k] * a.stride, bytes);
    }
  }

 private:
  struct Ahead { const int32_t* index; const char* data; int64_t stride; bool tiled; };
  struct Moving { int64_t slot; const int32_t* index; bool in_place; };

  // One function for all that is run: it is long.
  __attribute__((noinline)) void run(int64_t first, int64_t last, A* const* sums, const std::function<void(int64_t)>& after) {
    const auto before = [this](int64_t k) {
      if (alone_ && k % kBatch == 0) look_ahead(k + kAhead, kBatch);
      for (const Moving& m : moving_) bring(m.slot, at(m.index, k), m.in_place);
    };
    run_instructions<T>(p_.code, p_.instructions, slot_.data(), room_.data(), sums, first, last, before, [&after](int64_t k) {
      if (after) after(k);
    });
  }

  // How a leaf's numbers serve the lanes, see Operand.
  int32_t shared_lanes(const Leaf& leaf) const {
    if (leaf.mode == kScalar && (leaf.on == kShared || alone_)) return kAllLanes;
    if (leaf.mode != kGroups || width_ != kLanes<A>) return -1;
    for (int32_t lanes = 0; (int64_t(1) << lanes) <= leaf.period; ++lanes)
      if (int64_t(1) << lanes == leaf.period && leaf.period >= Register<A>::numbers) return lanes;
    return -1;
  }

  // Whether a leaf's rows can be read where they are.
  bool in_place(int64_t s) const {
    return std::is_same<T, A>::value && (slot_[s].shared >= 0 || (p_.leaf[s].mode == kFull && width_ == kLanes<A>));
  }

  // The first number of a leaf's row that the lanes need.
  int64_t begin(int64_t s) const {
    const Leaf& leaf = p_.leaf[s];
    return leaf.mode == kScalar ? 0 : leaf.mode == kGroups ? f_ / leaf.period : f_;
  }

  // Makes a leaf's slot hold its given row.
  GV_INLINE void bring(int64_t s, int64_t row, bool in_place) {
    const Leaf& leaf = p_.leaf[s];
    if constexpr (std::is_same<T, A>::value) {
      if (in_place) {
        slot_[s].data = static_cast<const T*>(leaf.data) + row * leaf.stride + begin(s);
        return;
      }
    }
    stage(s, [row](int64_t) { return row; }, 1);
  }

  // Copies features f_ .. of the rows that index(0), index(1), ... name into a leaf's room.
  template <class Index> __attribute__((noinline)) void stage(int64_t s, Index index, int64_t edges) {
    const Leaf& leaf = p_.leaf[s];
    const int32_t shared = slot_[s].shared;
    const int64_t width = shared < 0 ? width_ : std::max<int64_t>(width_ >> shared, 1);
    const T* data = static_cast<const T*>(leaf.data);
    A* to = room_[s];
    const int64_t period = leaf.period, stride = leaf.stride, f = f_;
    const auto rows = [&](auto copy) {
      for (int64_t e = 0; e < edges; ++e, to += width) copy(data + index(e) * stride);
    };
    const int64_t first = begin(s);
    if (leaf.mode == kScalar || (leaf.mode == kFull && width == 1))
      return fixed(width, [&](auto n) { rows([&](const T* row) { spread(widen(row[first]), n, to); }); });
    if (leaf.mode == kFull || shared >= 0)
      return fixed(width, [&](auto n) { rows([&](const T* row) { widen_row(row + first, n, to); }); });
    if (leaf.mode == kGroups && f % period == 0 && width % period == 0)
      return fixed(period, [&](auto n) {
        rows([&](const T* row) {
          for (int64_t j = 0, g = first; j < width; j += n) spread(widen(row[g++]), n, to + j);
        });
      });
    if (leaf.mode == kGroups)
      return rows([&](const T* row) {  // runs of one number
        int64_t g = f / period;
        for (int64_t j = 0, stop = (g + 1) * period - f; j < width; j = stop, stop += period, ++g)
          std::fill(to + j, to + std::min(stop, width), widen(row[g]));
      });
    rows([&](const T* row) {
      for (int64_t j = 0, q = f % period; j < width; ++j, q = q + 1 == period ? 0 : q + 1) to[j] = widen(row[q]);
    });
  }

  const EdgeProgram& p_;
  std::vector<char> memory_;
  std::vector<A*> room_;
  std::vector<Operand<A>> slot_;
  std::vector<Ahead> ahead_;
  std::vector<Moving> moving_;
  int64_t f_ = 0, width_ = 0;
  bool alone_ = false;
};

// The sums, or extremes, of one row in progress: one tile of features for each output that is reduced.
template <class T, int R> class Tally {
  using A = wide_t<T>;

 public:
  explicit Tally(const EdgeProgram& p) : p_(p), value_(p.outputs * kLanes<A>), ties_(R == kSum ? 0 : kLanes<A>) { clear(); }

  void clear() {
    std::fill(value_.begin(), value_.end(), A(0));
    std::fill(ties_.begin(), ties_.end(), 0);
    opening_ = true;
  }

  // Where each output's sums are; null for those that are not summed, or all of them.
  std::vector<A*> addresses(bool known) {
    std::vector<A*> out(p_.outputs);
    for (int64_t o = 0; known && o < p_.outputs; ++o)
      if (p_.output[o].how != kMap) out[o] = value_.data() + o * kLanes<A>;
    return out;
  }

  // Adds the messages first .. last of a block.
  void add(const Runner<T>& run, int64_t first, int64_t last, int64_t width) {
    for (int64_t o = 0; o < p_.outputs; ++o) {
      if (p_.output[o].how == kMap) continue;
      const A* m = run.value(p_.output[o].root) + first * width;
      A* value = value_.data() + o * kLanes<A>;
      if constexpr (R == kSum) {
        fixed(width, [&](auto n) {
          for (int64_t e = first; e < last; ++e, m += n) add_row(m, n, value);
        });
      } else {
        for (int64_t e = first; e < last; ++e, m += width, opening_ = false)
          for (int64_t j = 0; j < width; ++j) {
            const auto v = rounded<T>(m[j]);
            const bool wins = opening_ || beats<R == kMax>(v, value[j]);
            ties_[j] = wins ? 1 : ties_[j] + int32_t(v == value[j]);
            value[j] = wins ? v : value[j];
          }
      }
    }
  }

  // The same from another tally of this row, over later edges.
  void merge(const Tally& next, int64_t width) {
    for (int64_t o = 0; o < p_.outputs; ++o)
      for (int64_t j = o * kLanes<A>; j < o * kLanes<A> + width; ++j) {
        A& into = value_[j];
        const A more = next.value_[j];
        if constexpr (R == kSum) { into += more; continue; }
        const bool wins = beats<R == kMax>(more, into);
        if constexpr (R != kSum) ties_[j] = wins ? next.ties_[j] : ties_[j] + (more == into ? next.ties_[j] : 0);
        into = wins ? more : into;
      }
  }

  void put(int64_t row, int64_t f, int64_t width) const {
    const int64_t count = p_.ptr[row + 1] - p_.ptr[row];
    for (int64_t o = 0; o < p_.outputs; ++o) {
      const Output& output = p_.output[o];
      if (output.how == kMap) continue;
      const A scale = output.how == kMean ? A(1) / A(std::max<int64_t>(count, 1)) : A(1);
      T* out = static_cast<T*>(output.data) + row * p_.features + f;
      for (int64_t j = 0; j < width; ++j) out[j] = narrow<T>(value_[o * kLanes<A> + j] * scale);
      if (R != kSum) std::copy_n(ties_.begin(), width, p_.ties + row * p_.features + f);
    }
  }

 private:
  const EdgeProgram& p_;
  std::vector<A> value_;
  std::vector<int32_t> ties_;
  bool opening_;
};

// The outputs that are written per edge, for the positions first .. last: features, or their sums over groups of equal length.
template <class T> class PerEdge {
  using A = wide_t<T>;

 public:
  PerEdge(const EdgeProgram& p, int64_t first, int64_t last) : p_(p), first_(first), last_(last) {
    int64_t numbers = 0, waiting = 0;
    for (const Output* o = p.output; o != p.output + p.outputs; ++o) {
      if (o->how != kMap) continue;
      const int64_t width = o->groups ? o->groups : p.features, span = o->groups ? p.features / o->groups : 0;
      const bool whole = p.features <= kLanes<A> || (span && kLanes<A> % span == 0), waits = p.edge && is_short<T>(width);
      mapped_.push_back({o, width, span, whole, waits, numbers, waiting});
      if (span && !whole) numbers += width * (last - first);
      if (waits) waiting += width * (last - first);
    }
    sums_.resize(numbers), waiting_.resize(waiting);
  }

  void add(const Runner<T>& run, int64_t k, int64_t edges, int64_t f, int64_t width) {
    for (const Mapped& o : mapped_) {
      const A* m = run.value(o.output->root);
      if (!o.span) {
        fixed(width, [&](auto n) {
          for (int64_t e = 0; e < edges; ++e, m += n) narrow_row(m, n, row(o, k + e) + f);
        });
      } else if (o.whole) {  // no group goes on in the next tile; its length is often a common one
        const int64_t before = f ? f / o.span : 0;
        fixed(o.span, [&](auto n) {
          for (int64_t e = 0; e < edges; ++e) {
            T* to = row(o, k + e) + before;
            for (const A* stop = m + width; m < stop; m += n) *to++ = narrow<T>(sum(m, n));
          }
        });
      } else {
        A* to = sums_.data() + o.sums + (k - first_) * o.width;
        for (int64_t e = 0; e < edges; ++e, m += width, to += o.width)
          for (int64_t j = 0; j < width;) {
            const int64_t g = (f + j) / o.span, stop = std::min(width, (g + 1) * o.span - f);
            to[g] += sum(m + j, stop - j);
            j = stop;
          }
      }
    }
  }

  ~PerEdge() {
    for (const Mapped& o : mapped_) {
      const A* from = sums_.data() + o.sums;
      for (int64_t k = first_; o.span && !o.whole && k < last_; ++k, from += o.width) narrow_row(from, o.width, row(o, k));
      if (o.waits)
        disperse(waiting_.data() + o.waiting, o.width, p_.edge + first_, last_ - first_, static_cast<T*>(o.output->data));
    }
  }

 private:
  struct Mapped {
    const Output* output;
    int64_t width, span;  // numbers per edge, and features in each; 0: no sums
    bool whole;           // every group lies in one tile
    bool waits;           // short rows wait for all others of these positions, and are then dispersed
    int64_t sums, waiting;
  };

  T* row(const Mapped& o, int64_t k) {
    if (o.waits) return waiting_.data() + o.waiting + (k - first_) * o.width;
    return static_cast<T*>(o.output->data) + at(p_.edge, k) * o.width;
  }

  const EdgeProgram& p_;
  int64_t first_, last_;
  std::vector<Mapped> mapped_;
  std::vector<A> sums_;
  std::vector<T> waiting_;
};

// The positions first .. last for one tile of features; `row` is the first's. Calls finish(row) before the first edge of a new
// row is added, with the row that is over.
template <class T, int R, class Finish>
void walk(Runner<T>& run, Tally<T, R>& tally, PerEdge<T>& per_edge, const EdgeProgram& p, int64_t first, int64_t last,
          int64_t row, int64_t f, int64_t width, Finish finish) {
  using A = wide_t<T>;
  run.turn_to(f, width);
  const bool direct = run.alone() && R == kSum;  // the accumulator is added where the sums are
  const std::vector<A*> sums = tally.addresses(direct);
  int64_t current = row;
  const auto finish_before = [&](int64_t next) {
    for (; p.reduced && current < next; ++current) finish(current);
  };
  const int64_t step = kLanes<A> / width, ahead = (kAhead + step - 1) / step * step;
  run.look_ahead(first, ahead + kBatch);
  if (run.alone()) {
    const auto add = [&](int64_t k) {
      if (p.reduced && !direct) tally.add(run, 0, 1, width);
      if (p.mapped) per_edge.add(run, k, 1, f, width);
    };
    const std::function<void(int64_t)> after = p.mapped || !direct ? std::function<void(int64_t)>(add) : nullptr;
    for (int64_t k = first, stop; k < last; k = stop) {
      while (p.ptr[row + 1] <= k) ++row;
      stop = std::min(int64_t(p.ptr[row + 1]), last);
      finish_before(row);
      run.along(k, stop, row, sums.data(), after);
    }
    return;
  }
  int32_t rows[kLanes<A>];
  for (int64_t k = first; k < last; k += step) {
    const int64_t edges = std::min(step, last - k);
    for (int64_t e = 0; e < edges; ++e) {
      while (p.ptr[row + 1] <= k + e) ++row;
      rows[e] = int32_t(row);
    }
    run.look_ahead(k + ahead, step);
    run.together(k, edges, rows, sums.data());
    for (int64_t e = 0, stop; p.reduced && e < edges; e = stop) {
      for (stop = e + 1; stop < edges && rows[stop] == rows[e];) ++stop;
      finish_before(rows[e]);
      tally.add(run, e, stop, width);
    }
    if (p.mapped) per_edge.add(run, k, edges, f, width);
  }
}

template <class T, int R> void program_rows(const EdgeProgram& p) {
  constexpr int64_t kTile = kLanes<wide_t<T>>;
  const int64_t cost = p.features * (p.instructions + p.leaves);
  const auto is_heavy = [&](int64_t r) { return int64_t(p.ptr[r + 1]) - p.ptr[r] > kBlock; };
  std::vector<int64_t> heavy;
  for (int64_t r = 0; r < p.rows; ++r)
    if (is_heavy(r)) heavy.push_back(r);
  for_rows(p.ptr, p.rows, cost, p.threads, [&](int64_t begin, int64_t end) {
    Runner<T> run(p);
    Tally<T, R> tally(p);
    for (int64_t r = begin, stop; r < end; r = stop) {
      stop = r + 1;
      if (is_heavy(r)) continue;
      while (stop < end && !is_heavy(stop) && p.ptr[stop] - p.ptr[r] < 1024) ++stop;
      PerEdge<T> per_edge(p, p.ptr[r], p.ptr[stop]);
      for (int64_t f = 0; f < p.features; f += kTile) {
        const int64_t width = std::min(kTile, p.features - f);
        int64_t done = r;
        const auto finish = [&](int64_t row) { tally.put(row, f, width), tally.clear(), done = row + 1; };
        walk(run, tally, per_edge, p, p.ptr[r], p.ptr[stop], r, f, width, finish);
        if (p.reduced) while (done < stop) finish(done);
      }
    }
  });
  for (const int64_t r : heavy) {
    const int64_t first = p.ptr[r], blocks = (p.ptr[r + 1] - first + kBlock - 1) / kBlock;
    const int64_t tiles = (p.features + kTile - 1) / kTile;
    std::vector<Tally<T, R>> tally(blocks * tiles, Tally<T, R>(p));
    for_each(blocks, kBlock * cost, p.threads, [&](int64_t b) {
      Runner<T> run(p);
      const int64_t from = first + b * kBlock, to = std::min<int64_t>(from + kBlock, p.ptr[r + 1]);
      PerEdge<T> per_edge(p, from, to);
      for (int64_t t = 0; t < tiles; ++t)
        walk(run, tally[b * tiles + t], per_edge, p, from, to, r, t * kTile, std::min(kTile, p.features - t * kTile), [](int64_t) {});
    });
    for (int64_t t = 0; p.reduced && t < tiles; ++t) {
      const int64_t width = std::min(kTile, p.features - t * kTile);
      for (int64_t b = 1; b < blocks; ++b) tally[t].merge(tally[b * tiles + t], width);
      tally[t].put(r, t * kTile, width);
    }
  }
}

template <class T> void edge_program(EdgeProgram p) {
  const int64_t count = p.ptr[p.rows];
  int how = kSum;
  std::vector<Leaf> leaves(p.leaf, p.leaf + p.leaves);
  std::vector<Fresh<T>> kept;
  for (Leaf& leaf : leaves)
    if (leaf.on == kEdge && !p.edge) leaf.on = kPosition;
    else if (leaf.on == kEdge && is_short<T>(leaf.stride) && p.features) {
      kept.push_back(arranged(static_cast<const T*>(leaf.data), leaf.stride, p.edge, count, p.threads));
      leaf.on = kPosition, leaf.data = kept.back().get();
    }
  for (const Output* o = p.output; o != p.output + p.outputs; ++o) {
    const bool map = o->how == kMap;
    (map ? p.mapped : p.reduced) = true;
    const int64_t numbers = map ? count * (o->groups ? o->groups : p.features) : p.rows * p.features;
    if (p.features == 0) std::fill_n(static_cast<T*>(o->data), numbers, narrow<T>(0));  // sums over nothing
    advise_huge(o->data, numbers * int64_t(sizeof(T)));
    if (o->how == kMax || o->how == kMin) how = int(o->how);
  }
  if (p.features == 0) return;
  if (p.ties) advise_huge(p.ties, p.rows * p.features * 4);
  p.leaf = leaves.data();
  if (how == kMax) program_rows<T, kMax>(p);
  else if (how == kMin) program_rows<T, kMin>(p);
  else program_rows<T, kSum>(p);
}

}  // namespace
}  // namespace GV_ISA
}  // namespace gv
