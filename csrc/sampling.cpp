// Neighbour sampling in three passes per block of edges, so that cache misses overlap: choose positions (prefetching the
// neighbours), read neighbours, number them (prefetching table slots shortly before: a block of them outgrows the first cache).
#include "sampling.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>

#include "rows.h"

namespace gv {

namespace {

constexpr int64_t kChunk = 1024;  // edges of a block, about
constexpr int kSlotShift = 40;     // slots in the upper bits of a key, nodes below
constexpr uint64_t kSlot = 0xd6e8feb86659fd93ull;

// Node -> number, for one batch at a time: an entry counts only if it carries the batch's stamp, so nothing is cleared.
class DenseTable {
 public:
  void begin(int64_t nodes) {
    if (nodes > size_) {
      std::free(entries_);
      entries_ = static_cast<uint64_t*>(std::calloc(size_t(nodes), sizeof(uint64_t)));
      size_ = entries_ ? nodes : 0, stamp_ = 0;
      if (!entries_) throw std::bad_alloc();
    }
    if (++stamp_ > 0xffffffffull) std::memset(entries_, 0, size_t(size_) * sizeof(uint64_t)), stamp_ = 1;
  }
  ~DenseTable() { std::free(entries_); }
  DenseTable() = default;
  DenseTable(DenseTable&& o) noexcept
      : entries_(std::exchange(o.entries_, nullptr)), size_(std::exchange(o.size_, 0)), stamp_(o.stamp_) {}

  void reserve(int64_t) {}
  void prefetch(uint64_t node) const { __builtin_prefetch(entries_ + node, 1); }
  int64_t find(uint64_t node) const {
    const uint64_t entry = entries_[node];
    return (entry >> 32) == stamp_ ? int64_t(uint32_t(entry)) : -1;
  }
  // The node's number, `next` if it had none; without a branch, since nobody can predict it.
  int64_t number(uint64_t node, int64_t next) {
    const uint64_t entry = entries_[node], fresh = (stamp_ << 32) | uint64_t(next);
    const uint64_t kept = (entry >> 32) == stamp_ ? entry : fresh;
    entries_[node] = kept;
    return int64_t(uint32_t(kept));
  }

 private:
  uint64_t* entries_ = nullptr;
  int64_t size_ = 0;
  uint64_t stamp_ = 0;
};

// The same by (seed slot, node), of which `key_of` makes one number. The entries of a slot lie close together, since slots
// are worked through one after the other; what finds its place taken eight times goes anywhere.
class HashTable {
 public:
  void begin(int64_t slots) {
    used_ = 0;
    if (++stamp_ == 0) {
      for (auto& e : entries_) e.stamp = 0;
      stamp_ = 1;
    }
    slot_bits_ = 0;
    while ((int64_t(1) << slot_bits_) < slots) ++slot_bits_;
    resize_to(std::max(bits_, 12));
  }
  void reserve(int64_t more) {  // at most half full
    int bits = bits_;
    while (2 * (used_ + more) > (int64_t(1) << bits)) ++bits;
    if (bits != bits_) resize_to(bits);
  }
  void prefetch(uint64_t key) const { __builtin_prefetch(entries_.data() + home(key), 1); }
  int64_t find(uint64_t key) const {
    const Entry& e = entries_[place(key)];
    return e.stamp == stamp_ ? e.number : -1;
  }
  int64_t number(uint64_t key, int64_t next) {
    Entry& e = entries_[place(key)];
    if (e.stamp != stamp_) e = {key, stamp_, int32_t(next)}, ++used_;
    return e.number;
  }

 private:
  struct Entry { uint64_t key; uint32_t stamp; int32_t number; };
  uint64_t home(uint64_t key) const {
    const uint64_t slot = key >> kSlotShift, within = (key * kPhi) >> region_shift_;
    return ((slot << region_bits_) + within) & mask_;
  }
  bool taken(uint64_t i, uint64_t key) const { return entries_[i].stamp == stamp_ && entries_[i].key != key; }
  uint64_t place(uint64_t key) const {
    uint64_t i = home(key);
    for (int tries = 0; tries < 8; ++tries, i = (i + 1) & mask_)
      if (!taken(i, key)) return i;
    for (i = mix(key) & mask_; taken(i, key); i = (i + 1) & mask_) {}
    return i;
  }
  void resize_to(int bits) {
    std::vector<Entry> old;
    region_bits_ = std::max(bits - slot_bits_, 3), region_shift_ = 64 - region_bits_;
    if (bits == bits_) return;
    bits_ = bits, mask_ = (uint64_t(1) << bits) - 1;
    old.swap(entries_);
    entries_.assign(size_t(1) << bits, Entry{0, 0, 0});
    for (const Entry& e : old)
      if (e.stamp == stamp_) entries_[place(e.key)] = e;
  }
  std::vector<Entry> entries_;
  int bits_ = 0, slot_bits_ = 0, region_bits_ = 3, region_shift_ = 61;
  uint64_t mask_ = 0;
  int64_t used_ = 0;
  uint32_t stamp_ = 0;
};

struct Found {  // the edges of one relation
  Buffer<int32_t> row;
  Buffer<int64_t> edge;
  Buffer<int32_t> count;  // edges of each node that was expanded
  struct Run { int64_t first, nodes; };
  std::vector<Run> runs;  // which nodes: consecutive numbers per hop
};

struct Keyed {
  double key;
  int64_t position;
  bool operator<(const Keyed& other) const { return key < other.key || (key == other.key && position < other.position); }
};

}  // namespace

struct Workspace {
  std::vector<DenseTable> dense;  // by node type, as all of these
  std::vector<HashTable> hash;
  std::vector<Buffer<int64_t>> node;
  std::vector<Buffer<int32_t>> slot;  // the seed a node belongs to, where batches are disjoint
  std::vector<Found> found;           // by relation
  Buffer<int64_t> position, neighbour;
  Buffer<int32_t> column;
  HashTable picked;
  Buffer<Keyed> keyed;
};

namespace {

// A pool without locks, so that forked children find it usable: slots are taken and given back by exchange.
std::atomic<Workspace*> pool[64];

Workspace* acquire() {
  for (auto& place : pool)
    if (Workspace* found = place.exchange(nullptr)) return found;
  return new Workspace();
}

void release(Workspace* work) {
  for (auto& place : pool) {
    Workspace* empty = nullptr;
    if (place.compare_exchange_strong(empty, work)) return;
  }
  delete work;
}

// Positions within [first, last) of one row.
class Picker {
 public:
  Picker(Workspace& work, bool replace, const Relation& relation)
      : work_(work), replace_(replace), weight_(relation.weight), alias_(relation.alias) {}

  // Writes at most k positions to `out` (k < 0: all) and returns how many. `whole`: [first, last) is the entire row.
  int64_t pick(int64_t first, int64_t last, int64_t k, bool whole, Draw draw, int64_t* out) {
    const int64_t degree = last - first;
    if (degree <= 0 || k == 0) return 0;
    if (weight_) return weighted(first, degree, k, whole, draw, out);
    if (k < 0 || (!replace_ && degree <= k)) {
      for (int64_t i = 0; i < degree; ++i) out[i] = first + i;
      return degree;
    }
    if (replace_) {
      for (int64_t i = 0; i < k; ++i) out[i] = first + draw.below(degree);
      return k;
    }
    distinct(first, degree, k, draw, out);
    return k;
  }

 private:
  // Floyd: k of `degree` without replacement, each subset equally likely.
  void distinct(int64_t first, int64_t degree, int64_t k, Draw& draw, int64_t* out) {
    if (k <= 32) {
      for (int64_t i = 0, j = degree - k; i < k; ++i, ++j) {
        int64_t candidate = first + draw.below(j + 1);
        for (int64_t h = 0; h < i; ++h)
          if (out[h] == candidate) { candidate = first + j; break; }
        out[i] = candidate;
      }
      return;
    }
    work_.picked.begin(1), work_.picked.reserve(k + 1);
    for (int64_t i = 0, j = degree - k; i < k; ++i, ++j) {
      int64_t candidate = first + draw.below(j + 1);
      if (work_.picked.number(uint64_t(candidate), i) != i)
        candidate = first + j, work_.picked.number(uint64_t(candidate), i);
      out[i] = candidate;
    }
  }

  int64_t weighted(int64_t first, int64_t degree, int64_t k, bool whole, Draw& draw, int64_t* out) {
    if (k < 0 || (!replace_ && degree <= k)) {  // an edge without weight is never taken
      int64_t n = 0;
      for (int64_t p = first; p < first + degree; ++p)
        if (weight_[p] > 0) out[n++] = p;
      return n;
    }
    if (whole && alias_[first].other == kNoWeight) return 0;
    if (whole && replace_) {
      for (int64_t i = 0; i < k; ++i) out[i] = by_alias(first, degree, draw);
      return k;
    }
    int64_t n = 0;
    if (whole) {  // one after the other in proportion to weight: draw again what was drawn before, but not for ever
      for (int64_t tries = 4 * k + 16; n < k && tries > 0; --tries) {
        const int64_t candidate = by_alias(first, degree, draw);
        if (std::find(out, out + n, candidate) == out + n) out[n++] = candidate;
      }
      if (n == k) return k;
    }
    return replace_ ? by_sums(first, degree, k, draw, out) : by_keys(first, degree, k, n, draw, out);
  }

  int64_t by_alias(int64_t first, int64_t degree, Draw& draw) {
    uint64_t rest;
    const int64_t slot = draw.below(degree, &rest);
    const Alias& a = alias_[first + slot];
    return first + (uint32_t(rest >> 32) < a.threshold ? slot : int64_t(a.other));
  }

  // The rest of k without replacement: the least of exponential clocks, whose rates are the weights.
  int64_t by_keys(int64_t first, int64_t degree, int64_t k, int64_t n, Draw& draw, int64_t* out) {
    auto& keyed = work_.keyed;
    keyed.clear();
    for (int64_t p = first; p < first + degree; ++p) {
      if (!(weight_[p] > 0)) continue;
      const double ring = -std::log1p(-draw.unit()) / double(weight_[p]);
      if (std::find(out, out + n, p) == out + n) keyed.push({ring, p});
    }
    const int64_t more = std::min(k - n, keyed.size());
    std::partial_sort(keyed.data(), keyed.data() + more, keyed.data() + keyed.size());
    for (int64_t i = 0; i < more; ++i) out[n + i] = keyed[i].position;
    return n + more;
  }

  // With replacement from part of a row.
  int64_t by_sums(int64_t first, int64_t degree, int64_t k, Draw& draw, int64_t* out) {
    auto& sums = work_.keyed;
    sums.clear();
    double total = 0;
    for (int64_t p = first; p < first + degree; ++p)
      if (weight_[p] > 0) sums.push({total += double(weight_[p]), p});
    if (sums.size() == 0) return 0;
    for (int64_t i = 0; i < k; ++i) {
      const Keyed wanted{draw.unit() * total, INT64_MAX};
      const auto* at = std::upper_bound(sums.data(), sums.data() + sums.size() - 1, wanted);
      out[i] = at->position;
    }
    return k;
  }

  Workspace& work_;
  bool replace_;
  const float* weight_;
  const Alias* alias_;
};

template <bool Disjoint> uint64_t key_of(int64_t node, int64_t slot) {
  return Disjoint ? (uint64_t(slot) << kSlotShift) | uint64_t(node) : uint64_t(node);
}

// Numbers the last `count` neighbours that were read, in their order.
template <bool Disjoint, class Table>
void number(Workspace& work, int64_t source, Found& found, int64_t count, Table& table) {
  const int64_t* neighbour = work.neighbour.data();
  Buffer<int64_t>& known = work.node[size_t(source)];
  int64_t* into = known.room(count);
  int32_t* into_slot = Disjoint ? work.slot[size_t(source)].room(count) : nullptr;
  int32_t* row = found.row.room(count);
  const int64_t before = known.size();
  int64_t next = before;
  for (int64_t j = 0; j < count; ++j) {
    if (j + kAhead < count) table.prefetch(key_of<Disjoint>(neighbour[j + kAhead], Disjoint ? work.column[j + kAhead] : 0));
    const int64_t u = neighbour[j];
    const int64_t number = table.number(key_of<Disjoint>(u, Disjoint ? work.column[j] : 0), next);
    row[j] = int32_t(number);
    into[next - before] = u;
    if (Disjoint) into_slot[next - before] = work.column[j];
    next += number == next;
  }
  found.row.add(count);
  known.add(next - before);
  if (Disjoint) work.slot[size_t(source)].add(next - before);
}

// Expands the nodes [begin, end) of the relation's target type by one hop.
template <class I, bool Disjoint, class Table>
void expand(Workspace& work, const Request& request, size_t which, int64_t hop, int64_t begin, int64_t end, Table& table) {
  const Relation& r = request.relations[which];
  Found& found = work.found[which];
  const I* ptr = static_cast<const I*>(r.ptr);
  const I* index = static_cast<const I*>(r.index);
  const I* edge = static_cast<const I*>(r.edge);
  const int64_t step = r.step, k = r.fanouts[size_t(hop)];
  const uint64_t hop_key = mix(request.key + kPhi * uint64_t(hop * int64_t(request.relations.size()) + int64_t(which) + 1));
  const bool timed = request.seed_time && r.time;
  Picker picker(work, request.replace, r);
  found.runs.push_back({begin, end - begin});
  if (k == 0) {
    std::fill_n(found.count.room(end - begin), end - begin, 0), found.count.add(end - begin);
    return;
  }
  for (int64_t i = begin; i < end;) {
    const int64_t* from = work.node[size_t(r.target)].data();
    const int32_t* slots = Disjoint ? work.slot[size_t(r.target)].data() : nullptr;
    Buffer<int64_t>& position = work.position;
    position.clear(), work.column.clear();
    for (; i < end && position.size() < kChunk; ++i) {  // choose
      if (i + 16 < end) __builtin_prefetch(ptr + from[i + 16]);
      if ((r.alias || timed) && i + 6 < end) {
        const I row = ptr[from[i + 6]];
        if (timed) __builtin_prefetch(r.time + row);
        else __builtin_prefetch(r.alias + row), __builtin_prefetch(r.alias + row + 8);
      }
      const int64_t v = from[i];
      int64_t first = int64_t(ptr[v]), last = int64_t(ptr[v + 1]);
      const int64_t row_first = first, row_last = last;
      if (timed) {
        last = std::upper_bound(r.time + first, r.time + last, request.seed_time[slots[i]]) - r.time;
        if (request.last && k >= 0) first = std::max(first, last - k);
      }
      int64_t* out = position.room(k >= 0 && (request.replace || k < last - first) ? k : std::max<int64_t>(0, last - first));
      const uint64_t seed = hop_key + kPhi * uint64_t(v) + (Disjoint ? kSlot * uint64_t(slots[i]) : 0);
      const int64_t n = picker.pick(first, last, k, first == row_first && last == row_last, Draw(mix(seed)), out);
      for (int64_t j = 0; j < n; ++j) {
        __builtin_prefetch(index + out[j] * step);
        if (edge && step == 1) __builtin_prefetch(edge + out[j]);
      }
      position.add(n);
      found.count.push(int32_t(n));
      if (Disjoint) std::fill_n(work.column.room(n), n, slots[i]), work.column.add(n);
    }
    const int64_t count = position.size();
    table.reserve(count);
    work.neighbour.clear();
    int64_t* neighbour = work.neighbour.room(count);
    int64_t* ids = found.edge.room(count);
    for (int64_t j = 0; j < count; ++j) {  // read
      const int64_t p = position[j];
      neighbour[j] = int64_t(index[p * step]);
      ids[j] = edge ? int64_t(edge[p * step]) : p;
    }
    found.edge.add(count);
    number<Disjoint>(work, r.source, found, count, table);
  }
}

// All edges of one relation among the nodes found.
template <class I, bool Disjoint, class Table>
void induce(Workspace& work, const Request& request, size_t which, const Table& table) {
  const Relation& r = request.relations[which];
  Found& found = work.found[which];
  const I* ptr = static_cast<const I*>(r.ptr);
  const I* index = static_cast<const I*>(r.index);
  const I* edge = static_cast<const I*>(r.edge);
  const auto& targets = work.node[size_t(r.target)];
  found.row.clear(), found.edge.clear(), found.count.clear(), found.runs.clear();
  found.runs.push_back({0, targets.size()});
  for (int64_t i = 0; i < targets.size(); ++i) {
    const int64_t slot = Disjoint ? work.slot[size_t(r.target)][i] : 0, first = int64_t(ptr[targets[i]]);
    int64_t last = int64_t(ptr[targets[i] + 1]);
    if (request.seed_time && r.time) last = std::upper_bound(r.time + first, r.time + last, request.seed_time[slot]) - r.time;
    int32_t* row = found.row.room(last - first);
    int64_t* ids = found.edge.room(last - first);
    int64_t n = 0;
    for (int64_t p = first; p < last; ++p) {
      if (p + 8 < last) table.prefetch(key_of<Disjoint>(int64_t(index[(p + 8) * r.step]), slot));
      const int64_t number = table.find(key_of<Disjoint>(int64_t(index[p * r.step]), slot));
      if (number < 0) continue;
      row[n] = int32_t(number), ids[n] = edge ? int64_t(edge[p * r.step]) : p, ++n;
    }
    found.row.add(n), found.edge.add(n), found.count.push(int32_t(n));
  }
}

// Which of the ranges [bounds[r], bounds[r + 1]) an id lies in.
class Owners {
 public:
  explicit Owners(const std::vector<int64_t>& bounds) : inner_(bounds.begin() + 1, bounds.end() - 1) {}
  size_t of(int64_t id) const {
    if (inner_.size() > 8) return size_t(std::upper_bound(inner_.begin(), inner_.end(), id) - inner_.begin());
    size_t owner = 0;
    for (const int64_t bound : inner_) owner += id >= bound;
    return owner;
  }

 private:
  std::vector<int64_t> inner_;
};

// Numbers edges that were drawn elsewhere.
template <class I, bool Disjoint, class Table> void take(Workspace& work, const Drawn& d, Table& table) {
  struct Cursor { const I* count; const I* index; const I* edge; };
  Found& found = work.found[size_t(d.relation)];
  const Owners owners(d.bounds);
  std::vector<Cursor> cursors;
  int64_t end = d.begin;
  for (const Drawn::Block& block : d.blocks) {
    const I* data = static_cast<const I*>(block.data);
    cursors.push_back({data, data + block.rows, data + block.rows + (block.size - block.rows) / 2});
    end += block.rows;
  }
  found.runs.push_back({d.begin, end - d.begin});
  for (int64_t i = d.begin; i < end;) {
    const int64_t* from = work.node[size_t(d.target)].data();
    const int32_t* from_slot = Disjoint ? work.slot[size_t(d.target)].data() : nullptr;
    work.neighbour.clear(), work.column.clear();
    const int64_t row = found.count.size();
    for (; i < end && work.neighbour.size() < kChunk; ++i) {
      Cursor& at = cursors[owners.of(from[i])];
      const int64_t degree = int64_t(*at.count++);
      int64_t* neighbour = work.neighbour.room(degree);
      int64_t* ids = found.edge.room(work.neighbour.size() + degree) + work.neighbour.size();
      std::copy_n(at.index, degree, neighbour), std::copy_n(at.edge, degree, ids);
      at.index += degree, at.edge += degree;
      work.neighbour.add(degree), found.count.push(int32_t(degree));
      if (Disjoint) std::fill_n(work.column.room(degree), degree, from_slot[i]), work.column.add(degree);
    }
    const int64_t count = work.neighbour.size();
    if (!d.known) {
      table.reserve(count);
      found.edge.add(count);
      number<Disjoint>(work, d.source, found, count, table);
      continue;
    }
    const auto key = [&](int64_t j) { return key_of<Disjoint>(work.neighbour[j], Disjoint ? work.column[j] : 0); };
    int32_t* numbers = found.row.room(count);
    int64_t* ids = found.edge.room(count);
    int64_t kept = 0, j = 0;
    for (int64_t r = row; r < found.count.size(); ++r) {
      const int64_t before = kept;
      for (const int64_t last = j + found.count[r]; j < last; ++j) {
        if (j + kAhead < count) table.prefetch(key(j + kAhead));
        const int64_t number = table.find(key(j));
        if (number >= 0) numbers[kept] = int32_t(number), ids[kept] = ids[j], ++kept;
      }
      found.count[r] = int32_t(kept - before);
    }
    found.row.add(kept), found.edge.add(kept);
  }
}

template <class I> void pick_rows(const RowsRequest& q, Workspace& work) {
  const Relation& r = q.relation;
  const I* ptr = static_cast<const I*>(r.ptr);
  const int64_t k = r.fanouts[0];
  Picker picker(work, q.replace, r);
  Buffer<int64_t>& position = work.position;
  position.clear(), work.column.clear();
  int32_t* count = work.column.room(q.count);
  for (int64_t i = 0; i < q.count; ++i) {
    if (i + 16 < q.count) __builtin_prefetch(ptr + q.row[i + 16]);
    const int64_t v = q.row[i], row_first = int64_t(ptr[v]), row_last = int64_t(ptr[v + 1]);
    int64_t first = row_first, last = row_last;
    if (q.time && r.time) {
      last = std::upper_bound(r.time + first, r.time + last, q.time[i]) - r.time;
      if (q.last && k >= 0) first = std::max(first, last - k);
    }
    int64_t* out = position.room(k >= 0 && (q.replace || k < last - first) ? k : std::max<int64_t>(0, last - first));
    const uint64_t seed = q.key + kPhi * uint64_t(v + q.first_row) + (q.slot ? kSlot * uint64_t(q.slot[i]) : 0);
    const int64_t n = picker.pick(first, last, k, first == row_first && last == row_last, Draw(mix(seed)), out);
    position.add(n), count[i] = int32_t(n);
  }
  work.column.add(q.count);
}

template <class I, class O> void read_picked(const RowsRequest& q, const Workspace& work, O* out, int64_t first_edge) {
  const Relation& r = q.relation;
  const I* index = static_cast<const I*>(r.index);
  const I* ids = static_cast<const I*>(r.edge);
  const int64_t* position = work.position.data();
  const int64_t n = work.position.size();
  O* neighbour = std::copy_n(work.column.data(), q.count, out);
  O* edge = neighbour + n;
  for (int64_t j = 0; j < n; ++j) {
    if (j + kAhead < n) {
      __builtin_prefetch(index + position[j + kAhead] * r.step);
      if (ids && r.step == 1) __builtin_prefetch(ids + position[j + kAhead]);
    }
    neighbour[j] = O(index[position[j] * r.step]);
    edge[j] = O((ids ? int64_t(ids[position[j] * r.step]) : position[j]) + first_edge);
  }
}

template <bool Disjoint, class Table>
void run(Workspace& work, const Request& request, Sample& sample, const std::vector<Table*>& table) {
  const size_t types = request.num_nodes.size(), relations = request.relations.size();
  int64_t slot = 0;
  for (const Seeds& seeds : request.seeds) {
    const size_t t = size_t(seeds.type);
    table[t]->reserve(seeds.count);
    for (int64_t i = 0; i < seeds.count; ++i, ++slot) {  // a seed that comes twice keeps both places
      table[t]->number(key_of<Disjoint>(seeds.node[i], slot), work.node[t].size());
      work.node[t].push(seeds.node[i]);
      if (Disjoint) work.slot[t].push(int32_t(slot));
    }
  }
  std::vector<int64_t> begin(types, 0), end(types);
  for (size_t t = 0; t < types; ++t) end[t] = work.node[t].size(), sample.nodes_per_hop[t].push_back(end[t]);
  const size_t hops = relations ? request.relations[0].fanouts.size() : 0;
  for (size_t hop = 0; hop < hops; ++hop) {
    for (size_t i = 0; i < relations; ++i) {
      const Relation& r = request.relations[i];
      const size_t t = size_t(r.target);
      const int64_t before = work.found[i].row.size();
      (r.wide ? expand<int64_t, Disjoint, Table> : expand<int32_t, Disjoint, Table>)(
          work, request, i, int64_t(hop), begin[t], end[t], *table[size_t(r.source)]);
      sample.edges_per_hop[i].push_back(work.found[i].row.size() - before);
    }
    for (size_t t = 0; t < types; ++t) {
      sample.nodes_per_hop[t].push_back(work.node[t].size() - end[t]);
      begin[t] = request.again ? 0 : end[t], end[t] = work.node[t].size();
    }
  }
  if (!request.induced) return;
  for (size_t i = 0; i < relations; ++i) {
    const Relation& r = request.relations[i];
    (r.wide ? induce<int64_t, Disjoint, Table> : induce<int32_t, Disjoint, Table>)(work, request, i, *table[size_t(r.source)]);
    sample.edges_per_hop[i] = {work.found[i].row.size()};
  }
}

}  // namespace

Sample::Sample(const Request& request)
    : nodes_per_hop(request.num_nodes.size()), edges_per_hop(request.relations.size()), work_(acquire()), disjoint_(request.disjoint) {
  Workspace& work = *work_;
  const size_t types = request.num_nodes.size();
  if (work.node.size() < types) work.node.resize(types), work.slot.resize(types), work.dense.resize(types), work.hash.resize(types);
  if (work.found.size() < request.relations.size()) work.found.resize(request.relations.size());
  for (size_t t = 0; t < types; ++t) work.node[t].clear(), work.slot[t].clear();
  for (size_t i = 0; i < request.relations.size(); ++i) {
    Found& found = work.found[i];
    found.row.clear(), found.edge.clear(), found.count.clear(), found.runs.clear();
  }
  bool dense = !request.disjoint;
  for (const int64_t n : request.num_nodes) dense = dense && n <= request.dense_limit;
  dense_ = dense;
  int64_t slots = 1;
  if (request.disjoint)
    for (const Seeds& seeds : request.seeds) slots += seeds.count;
  const auto start = [&](auto& tables, const std::vector<int64_t>& sizes) {
    std::vector<typename std::decay_t<decltype(tables)>::value_type*> table(types);
    for (size_t t = 0; t < types; ++t) tables[t].begin(sizes[t]), table[t] = &tables[t];
    return table;
  };
  if (dense) run<false>(work, request, *this, start(work.dense, request.num_nodes));
  else if (request.disjoint) run<true>(work, request, *this, start(work.hash, std::vector<int64_t>(types, slots)));
  else run<false>(work, request, *this, start(work.hash, std::vector<int64_t>(types, slots)));
}

Sample::~Sample() { release(work_); }

int64_t Sample::take(const Drawn& d) {
  Workspace& work = *work_;
  const size_t source = size_t(d.source);
  Found& found = work.found[size_t(d.relation)];
  if (d.known) found.row.clear(), found.edge.clear(), found.count.clear(), found.runs.clear();
  const int64_t before = found.row.size();
  if (dense_) (d.wide ? gv::take<int64_t, false, DenseTable> : gv::take<int32_t, false, DenseTable>)(work, d, work.dense[source]);
  else if (disjoint_) (d.wide ? gv::take<int64_t, true, HashTable> : gv::take<int32_t, true, HashTable>)(work, d, work.hash[source]);
  else (d.wide ? gv::take<int64_t, false, HashTable> : gv::take<int32_t, false, HashTable>)(work, d, work.hash[source]);
  return found.row.size() - before;
}

int64_t Sample::count(int64_t type) const { return work_->node[size_t(type)].size(); }

std::vector<int64_t> Sample::by_owner(int64_t type, int64_t begin, int64_t end, const std::vector<int64_t>& bounds, bool wide,
                                      void* row, void* slot) const {
  const int64_t* node = work_->node[size_t(type)].data();
  const int32_t* slots = work_->slot[size_t(type)].data();
  const Owners owners(bounds);
  std::vector<int64_t> counts(bounds.size() - 1, 0), at(counts.size(), 0);
  for (int64_t i = begin; i < end; ++i) ++counts[owners.of(node[i])];
  for (size_t r = 1; r < at.size(); ++r) at[r] = at[r - 1] + counts[r - 1];
  const auto write = [&](auto* rows, auto* of) {
    for (int64_t i = begin; i < end; ++i) {
      const size_t owner = owners.of(node[i]);
      const int64_t place = at[owner]++;
      rows[place] = std::decay_t<decltype(*rows)>(node[i] - bounds[owner]);
      if (of) of[place] = slots[i];
    }
  };
  if (wide) write(static_cast<int64_t*>(row), static_cast<int64_t*>(slot));
  else write(static_cast<int32_t*>(row), static_cast<int32_t*>(slot));
  return counts;
}

Picked::Picked(const RowsRequest& request) : request_(request), work_(acquire()) {
  (request.relation.wide ? pick_rows<int64_t> : pick_rows<int32_t>)(request_, *work_);
}

Picked::~Picked() { release(work_); }

int64_t Picked::size() const { return work_->position.size(); }

void Picked::write(bool wide, void* out, int64_t first_edge) const {
  const auto read = [&](auto* block) {
    (request_.relation.wide ? read_picked<int64_t, std::decay_t<decltype(*block)>>
                            : read_picked<int32_t, std::decay_t<decltype(*block)>>)(request_, *work_, block, first_edge);
  };
  if (wide) read(static_cast<int64_t*>(out));
  else read(static_cast<int32_t*>(out));
}

void Sample::write(const std::vector<int64_t*>& node, const std::vector<int64_t*>& batch, const std::vector<int64_t*>& row,
                   const std::vector<int64_t*>& col, const std::vector<int64_t*>& edge) const {
  for (size_t t = 0; t < node.size(); ++t) {
    const auto& nodes = work_->node[t];
    const auto& slots = work_->slot[t];
    if (node[t] && nodes.size()) advise_huge(node[t], nodes.size() * 8), std::memcpy(node[t], nodes.data(), size_t(nodes.size()) * 8);
    if (t < batch.size() && batch[t]) std::copy_n(slots.data(), slots.size(), batch[t]);
  }
  for (size_t i = 0; i < row.size(); ++i) {
    const Found& found = work_->found[i];
    const int64_t count = found.row.size();
    if (row[i]) advise_huge(row[i], count * 8), std::copy_n(found.row.data(), count, row[i]);
    if (edge[i] && count) advise_huge(edge[i], count * 8), std::memcpy(edge[i], found.edge.data(), size_t(count) * 8);
    if (!col[i]) continue;
    int64_t* out = col[i];
    advise_huge(out, count * 8);
    const int32_t* n = found.count.data();
    for (const auto& run : found.runs)
      for (int64_t v = run.first; v < run.first + run.nodes; ++v, ++n) out = std::fill_n(out, *n, v);
  }
}

// ---------------------------------------------------------------- tables for weighted draws

namespace {

// Vose: slots that weigh less than average are filled up by slots that weigh more.
void alias_row(const float* weight, int64_t degree, Alias* out, std::vector<double>& share, std::vector<uint32_t>& small,
               std::vector<uint32_t>& large) {
  double total = 0;
  for (int64_t i = 0; i < degree; ++i) total += double(weight[i]);
  if (!(total > 0)) {
    for (int64_t i = 0; i < degree; ++i) out[i] = {0, kNoWeight};
    return;
  }
  share.resize(size_t(degree)), small.clear(), large.clear();
  for (int64_t i = 0; i < degree; ++i) {
    share[size_t(i)] = double(weight[i]) / total * double(degree);
    (share[size_t(i)] < 1 ? small : large).push_back(uint32_t(i));
  }
  while (!small.empty() && !large.empty()) {
    const uint32_t s = small.back(), l = large.back();
    small.pop_back();
    out[s] = {uint32_t(std::min(share[s] * 0x1.0p32, 4294967295.0)), l};
    share[l] -= 1 - share[s];
    if (share[l] < 1) large.pop_back(), small.push_back(l);
  }
  for (const uint32_t i : large) out[i] = {0xffffffffu, i};
  for (const uint32_t i : small) out[i] = {0xffffffffu, i};  // what rounding left over
  for (const uint32_t i : small)
    if (!(weight[i] > 0)) out[i] = {0, uint32_t(std::max_element(weight, weight + degree) - weight)};
}

template <class I> void alias_rows(int64_t rows, const I* ptr, const float* weight, Alias* out, int threads) {
  const int64_t piece = 1024;
  for_each((rows + piece - 1) / piece, piece * 64, threads, [&](int64_t b) {
    std::vector<double> share;
    std::vector<uint32_t> small, large;
    for (int64_t r = b * piece; r < std::min(rows, (b + 1) * piece); ++r)
      alias_row(weight + ptr[r], int64_t(ptr[r + 1] - ptr[r]), out + ptr[r], share, small, large);
  });
}

// ---------------------------------------------------------------- random walks

template <class I> void walk(const Walks& w) {
  const I* ptr = static_cast<const I*>(w.ptr);
  const I* index = static_cast<const I*>(w.index);
  const I* edge = static_cast<const I*>(w.edge);
  const int64_t stride = w.length + 1;
  const bool biased = w.p != 1 || w.q != 1;
  const double ceiling = std::max({1 / w.p, 1.0, 1 / w.q});
  std::vector<int64_t> position(static_cast<size_t>(w.count));
  for (int64_t i = 0; i < w.count; ++i) w.node[i * stride] = w.start[i];
  for (int64_t s = 0; s < w.length; ++s) {  // all walks step together, so that their cache misses overlap
    const uint64_t key = mix(w.key + kPhi * uint64_t(s + 1));
    for (int64_t i = 0; i < w.count; ++i) {
      if (i + 16 < w.count) __builtin_prefetch(ptr + w.node[(i + 16) * stride + s]);
      const int64_t v = w.node[i * stride + s];
      const int64_t first = int64_t(ptr[v]), degree = int64_t(ptr[v + 1]) - first;
      Draw draw(mix(key + kPhi * uint64_t(i)));
      int64_t& at = position[size_t(i)];
      at = -1;
      if (w.restart > 0 && draw.unit() < w.restart) { at = -2; continue; }
      if (degree == 0) continue;
      at = first + draw.below(degree);
      if (biased && s > 0) {
        const int64_t before = w.node[i * stride + s - 1];
        const I* low = index + ptr[before];
        const I* high = index + ptr[before + 1];
        for (;; at = first + draw.below(degree)) {
          const int64_t u = int64_t(index[at]);
          const double chance = u == before ? 1 / w.p : std::binary_search(low, high, I(u)) ? 1.0 : 1 / w.q;
          if (draw.unit() * ceiling < chance) break;
        }
      }
      __builtin_prefetch(index + at);
    }
    for (int64_t i = 0; i < w.count; ++i) {
      const int64_t at = position[size_t(i)];
      int64_t* here = w.node + i * stride + s;
      here[1] = at >= 0 ? int64_t(index[at]) : at == -1 ? here[0] : w.start[i];
      w.taken[i * w.length + s] = at < 0 ? -1 : edge ? int64_t(edge[at]) : at;
    }
  }
}

template <class T> void gather(const char* from, const int64_t* index, int64_t count, char* to) {
  const T* source = reinterpret_cast<const T*>(from);
  T* target = reinterpret_cast<T*>(to);
  for (int64_t i = 0; i < count; ++i) {
    if (i + 32 < count) __builtin_prefetch(source + index[i + 32]);
    target[i] = source[index[i]];
  }
}

}  // namespace

void alias_tables(int64_t rows, bool wide, const void* ptr, const float* weight, Alias* out, int threads) {
  if (wide) alias_rows(rows, static_cast<const int64_t*>(ptr), weight, out, threads);
  else alias_rows(rows, static_cast<const int32_t*>(ptr), weight, out, threads);
}

void random_walks(const Walks& walks) { walks.wide ? walk<int64_t>(walks) : walk<int32_t>(walks); }

void gather_rows(const char* from, int64_t row_bytes, const int64_t* index, int64_t count, char* to) {
  advise_huge(to, count * row_bytes);
  if (row_bytes == 1) return gather<uint8_t>(from, index, count, to);
  if (row_bytes == 4) return gather<uint32_t>(from, index, count, to);
  if (row_bytes == 8) return gather<uint64_t>(from, index, count, to);
  const int64_t ahead = std::max<int64_t>(1, std::min<int64_t>(16, 4096 / row_bytes));
  for (int64_t i = 0; i < count; ++i) {
    if (i + ahead < count) {
      const char* next = from + index[i + ahead] * row_bytes;
      for (int64_t b = 0; b < std::min<int64_t>(row_bytes, 1024); b += 64) __builtin_prefetch(next + b);
    }
    std::memcpy(to + i * row_bytes, from + index[i] * row_bytes, size_t(row_bytes));
  }
}

namespace {

using Wanted = std::pair<int64_t, int64_t>;  // a row, and its place in the answer

bool read_rows(int file, int64_t offset, int64_t row_bytes, std::vector<Wanted>& order, char* to) {
  constexpr int64_t gap = 4096, most = 1 << 20;  // bytes to read for nothing rather than ask again; bytes at once
  std::sort(order.begin(), order.end());
  std::vector<char> piece;
  for (size_t i = 0, j; i < order.size(); i = j) {
    const int64_t first = order[i].first;
    for (j = i + 1; j < order.size(); ++j)
      if ((order[j].first - order[j - 1].first - 1) * row_bytes > gap || (order[j].first - first + 1) * row_bytes > most) break;
    const int64_t bytes = (order[j - 1].first - first + 1) * row_bytes;
    const bool alone = j == i + 1;  // straight to its place
    if (!alone) piece.resize(size_t(std::max<int64_t>(bytes, int64_t(piece.size()))));
    char* into = alone ? to + order[i].second * row_bytes : piece.data();
    for (int64_t done = 0; done < bytes;) {
      const ssize_t n = pread(file, into + done, size_t(bytes - done), off_t(offset + first * row_bytes + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      done += n;
    }
    for (size_t k = i; !alone && k < j; ++k)
      std::memcpy(to + order[k].second * row_bytes, piece.data() + (order[k].first - first) * row_bytes, size_t(row_bytes));
  }
  return true;
}

}  // namespace

bool gather_file(int file, int64_t offset, int64_t row_bytes, const int64_t* index, int64_t count, char* to) {
  std::vector<Wanted> order;
  order.reserve(size_t(count));
  for (int64_t i = 0; i < count; ++i) order.emplace_back(index[i], i);
  return read_rows(file, offset, row_bytes, order, to);
}

RowCache::RowCache(int64_t rows, int64_t row_bytes)
    : row_bytes_(row_bytes), sets_(std::max<int64_t>(1, rows / kWays)), tag_(size_t(sets_ * kWays), -1),
      asked_(size_t(sets_ * kWays), 0), rows_(new char[size_t(sets_ * kWays * row_bytes)]) {}

int64_t RowCache::set_of(int64_t row) const {
  return int64_t((static_cast<unsigned __int128>(mix(uint64_t(row))) * uint64_t(sets_)) >> 64);
}

void RowCache::keep(int64_t row, const char* from) {
  const int64_t first = set_of(row) * kWays;
  int64_t least = first;
  for (int64_t at = first; at < first + kWays; ++at) {
    if (tag_[size_t(at)] == row) return;
    if (tag_[size_t(least)] >= 0 && (tag_[size_t(at)] < 0 || asked_[size_t(at)] < asked_[size_t(least)])) least = at;
  }
  if (tag_[size_t(least)] >= 0 && asked_[size_t(least)] > 0) {
    for (int64_t at = first; at < first + kWays; ++at) --asked_[size_t(at)];
    return;
  }
  tag_[size_t(least)] = row, asked_[size_t(least)] = 0;
  std::memcpy(rows_.get() + least * row_bytes_, from, size_t(row_bytes_));
}

bool RowCache::gather(int file, int64_t offset, const int64_t* index, int64_t count, char* to) {
  std::vector<Wanted> missing;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int64_t i = 0; i < count; ++i) {
      if (i + 8 < count) __builtin_prefetch(tag_.data() + set_of(index[i + 8]) * kWays);
      const int64_t first = set_of(index[i]) * kWays;
      int64_t at = first;
      while (at < first + kWays && tag_[size_t(at)] != index[i]) ++at;
      if (at == first + kWays) {
        missing.emplace_back(index[i], i);
        continue;
      }
      if (asked_[size_t(at)] < 255) ++asked_[size_t(at)];
      std::memcpy(to + i * row_bytes_, rows_.get() + at * row_bytes_, size_t(row_bytes_));
    }
    hits += count - int64_t(missing.size()), misses += int64_t(missing.size());
  }
  if (!read_rows(file, offset, row_bytes_, missing, to)) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const Wanted& w : missing) keep(w.first, to + w.second * row_bytes_);
  return true;
}

}  // namespace gv
