// The memory of a step's values. All graphs of one model share it: a graph's buffers are told apart by their
// form and by how many of that form come before, so that the hidden rows, which every graph gives first, lie
// in the same place in each.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "base/expected.h"
#include "base/memory.h"
#include "ir/program/program.h"
#include "runtime/execute/bound_steps.h"
#include "runtime/execute/product_step.h"
#include "runtime/graph/graph.h"

namespace tern::runtime {

class StepMemory {
 public:
  // Buffers that all threads share have room for `rows` rows, those of each thread for `thread_rows`.
  StepMemory(int64_t rows, int64_t thread_rows, size_t threads)
      : rows_(rows), thread_rows_(thread_rows), threads_(threads) {}

  int64_t thread_rows() const { return thread_rows_; }

  // Where a value lies. The graph has been through assign_buffers. Errors: not enough memory.
  Expected<FloatRows> floats(const Graph& graph, int value);
  Expected<QuantizedRows> quantized(const Graph& graph, int value);
  // What a preparation (its key, see Preparation) writes to a parameter, for the quantised value that it
  // reads.
  Expected<PreparedBytes> prepared(const Graph& graph, int value, uint64_t key, const ir::Buffer& parameter);

 private:
  // Of a buffer: its kind, the distance of rows, whether each thread has one, whether it is zero padded, how
  // many of these come before it in its graph. Then what of it: 0 the rows, 1 scales, 2 sums; or a
  // preparation and a role.
  using BufferKey = std::tuple<ValueKind, int64_t, bool, bool, int>;
  using Key = std::tuple<BufferKey, uint64_t, int>;

  static BufferKey key_of(const Graph& graph, int buffer);
  Expected<std::byte*> find(const Key& key, int64_t bytes);
  int64_t rows_of(const GraphBuffer& buffer) const { return buffer.per_thread ? thread_rows_ : rows_; }
  int64_t copies_of(const GraphBuffer& buffer) const {
    return buffer.per_thread ? static_cast<int64_t>(threads_) : 1;
  }

  int64_t rows_, thread_rows_;
  size_t threads_;
  std::map<Key, Memory> blocks_;
};

}  // namespace tern::runtime
