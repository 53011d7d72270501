// Neighbour sampling: every hop of one batch in one call, and what rests on the same tables and draws.
//
// Draws depend on (key, hop, relation, node) alone, so a batch is the same for any number of threads or processes.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace gv {

constexpr uint64_t kPhi = 0x9e3779b97f4a7c15ull;

inline uint64_t mix(uint64_t x) {  // splitmix64's finaliser
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// wyrand: a counter and one multiplication per 64 bits.
class Draw {
 public:
  explicit Draw(uint64_t state) : state_(state) {}

  uint64_t bits() {
    state_ += 0xa0761d6478bd642full;
    const unsigned __int128 p = static_cast<unsigned __int128>(state_) * (state_ ^ 0xe7037ed1a0b428dbull);
    return uint64_t(p >> 64) ^ uint64_t(p);
  }

  // Uniform in [0, n), without bias (Lemire); `rest` is left uniform in [0, 2^64), given the result.
  int64_t below(int64_t n, uint64_t* rest = nullptr) {
    const uint64_t range = uint64_t(n);
    unsigned __int128 m = static_cast<unsigned __int128>(bits()) * range;
    if (uint64_t(m) < range) {
      const uint64_t threshold = (0 - range) % range;
      while (uint64_t(m) < threshold) m = static_cast<unsigned __int128>(bits()) * range;
    }
    if (rest) *rest = uint64_t(m);
    return int64_t(m >> 64);
  }

  double unit() { return double(bits() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

// Memory that grows without being written to first, and is kept from call to call.
template <class T> class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept { return swap(other), *this; }
  ~Buffer() { std::free(data_); }

  // Room for n more; the caller adds what it wrote.
  T* room(int64_t n) {
    if (size_ + n > capacity_) grow(size_ + n);
    return data_ + size_;
  }
  void add(int64_t n) { size_ += n; }
  void push(T value) { *room(1) = value, ++size_; }
  void clear() { size_ = 0; }
  int64_t size() const { return size_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }

 private:
  void grow(int64_t least) {
    int64_t capacity = capacity_ ? capacity_ : 1024;
    while (capacity < least) capacity *= 2;
    void* moved = std::realloc(data_, size_t(capacity) * sizeof(T));
    if (!moved) throw std::bad_alloc();
    data_ = static_cast<T*>(moved), capacity_ = capacity;
  }
  void swap(Buffer& other) {
    std::swap(data_, other.data_), std::swap(size_, other.size_), std::swap(capacity_, other.capacity_);
  }
  T* data_ = nullptr;
  int64_t size_ = 0, capacity_ = 0;
};

struct Alias {  // a slot stands for itself below the threshold (of 2^32), for `other` above; both within the row
  uint32_t threshold, other;
};
constexpr uint32_t kNoWeight = 0xffffffffu;  // `other` of a row's first slot: no edge of the row has weight

struct Relation {         // the edges of one type, grouped by the nodes that sampling starts from
  int64_t source, target;  // node types: neighbours are `source`, rows are `target`
  bool wide;               // ptr, index and edge hold int64 instead of int32
  const void* ptr;
  const void* index;
  const void* edge;     // edge id at each position; null: the position itself
  int64_t step;         // from one entry of index, or edge, to the next: 2 where both lie side by side, a miss for both
  const float* weight;  // at each position, with alias; null: uniform
  const Alias* alias;
  const int64_t* time;  // at each position, ascending within rows; null: no times
  std::vector<int64_t> fanouts;  // by hop; -1: all
};

struct Seeds {
  int64_t type, count;
  const int64_t* node;
};

struct Request {
  std::vector<int64_t> num_nodes;  // by node type
  std::vector<Relation> relations;
  std::vector<Seeds> seeds;
  const int64_t* seed_time;  // for each seed, in the order of `seeds`; null: no times
  uint64_t key;
  bool replace, disjoint, induced;
  bool last;   // temporal: the most recent ones instead of a uniform choice
  bool again;  // every hop expands all nodes so far (DGL) instead of those new in the hop before (PyG)
  int64_t dense_limit;  // node types up to this size use a dense table
};

struct Workspace;

// Edges of some rows, drawn as a sample draws them, but neither numbered nor followed: what the owner of rows answers.
struct RowsRequest {
  Relation relation;  // with one fan-out
  int64_t count;
  const int64_t* row;
  const int64_t* slot;  // of each row; null: none
  const int64_t* time;  // of each row; null: no times
  uint64_t key;         // of the hop and the relation
  int64_t first_row;    // what rows count from, in the draws
  bool replace, last;
};

class Picked {
 public:
  explicit Picked(const RowsRequest& request);
  Picked(const Picked&) = delete;
  Picked& operator=(const Picked&) = delete;
  ~Picked();

  int64_t size() const;
  // A block of int64 or int32: how many edges each row got, then neighbours, then edge ids (plus first_edge).
  void write(bool wide, void* out, int64_t first_edge) const;

 private:
  RowsRequest request_;
  Workspace* work_;
};

// The edges of consecutive nodes of a type, drawn by the owners of their ids: in the block of each owner, as `Picked` writes
// it, those of its nodes in the order of the nodes.
struct Drawn {
  struct Block {
    const void* data;
    int64_t rows, size;  // how many nodes, and numbers in all
  };
  int64_t relation, source, target, begin;
  std::vector<int64_t> bounds;  // owner r has the ids [bounds[r], bounds[r + 1])
  std::vector<Block> blocks;
  bool wide;   // blocks hold int64 instead of int32
  bool known;  // start the relation anew, and keep only edges from nodes that are there already
};

// What one call found; its memory goes back to a pool when it dies.
class Sample {
 public:
  explicit Sample(const Request& request);
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;
  ~Sample();

  std::vector<std::vector<int64_t>> nodes_per_hop;  // by node type
  std::vector<std::vector<int64_t>> edges_per_hop;  // by relation; induced: one number

  // Numbers edges that were drawn elsewhere, as if they had been drawn here. Numbers per hop are the caller's.
  int64_t take(const Drawn& drawn);
  int64_t count(int64_t type) const;
  // The nodes [begin, end) of a type, those of one owner after those of another: their places among the owner's ids, as int64
  // or int32, and their slots where `slot` is not null. Returns how many each owner has.
  std::vector<int64_t> by_owner(int64_t type, int64_t begin, int64_t end, const std::vector<int64_t>& bounds, bool wide, void* row,
                                void* slot) const;

  // Widens and copies into arrays of the right sizes: node ids, seed slots (if disjoint; by node type), and row,
  // column and edge ids (by relation). Null addresses are skipped.
  void write(const std::vector<int64_t*>& node, const std::vector<int64_t*>& batch, const std::vector<int64_t*>& row,
             const std::vector<int64_t*>& col, const std::vector<int64_t*>& edge) const;

 private:
  Workspace* work_;
  bool dense_, disjoint_;
};

void alias_tables(int64_t rows, bool wide, const void* ptr, const float* weight, Alias* out, int threads);

// Walks of `length` steps from every start, (count, length + 1) nodes and (count, length) edge ids; -1 where no edge
// was taken: at a dead end, where the walk stays, and when it restarts. p and q as in node2vec (rows sorted).
struct Walks {
  bool wide;
  const void* ptr;
  const void* index;
  const void* edge;
  int64_t count, length;
  const int64_t* start;
  double p, q, restart;
  uint64_t key;
  int64_t* node;
  int64_t* taken;
};
void random_walks(const Walks& walks);

void gather_rows(const char* from, int64_t row_bytes, const int64_t* index, int64_t count, char* to);

// The same from a file, in the order of the file, neighbouring rows at once. False where the file ends too early.
bool gather_file(int file, int64_t offset, int64_t row_bytes, const int64_t* index, int64_t count, char* to);

// The rows of a file that are asked for most, within a fixed amount of memory. A row has four places where it may be kept;
// a new one takes the place that was asked for least, once others have passed it over often enough. Threads may share it.
class RowCache {
 public:
  RowCache(int64_t rows, int64_t row_bytes);
  bool gather(int file, int64_t offset, const int64_t* index, int64_t count, char* to);

  int64_t hits = 0, misses = 0;
  int64_t bytes() const { return int64_t(tag_.size()) * row_bytes_; }

 private:
  static constexpr int64_t kWays = 4;
  int64_t set_of(int64_t row) const;
  void keep(int64_t row, const char* from);

  int64_t row_bytes_, sets_;
  std::vector<int64_t> tag_;    // which row a place holds, -1: none
  std::vector<uint8_t> asked_;  // how often, forgotten as others ask in vain
  std::unique_ptr<char[]> rows_;
  std::mutex mutex_;
};

}  // namespace gv
