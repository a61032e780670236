// The memory of a step's values, shared by the graphs of all buckets of one model. A block of memory belongs
// to a (form, number): the number-th buffer of that form in a graph. So the hidden rows, the first buffer of
// their form in every graph, have the same address in all of them.
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
  // A buffer that all threads share has room for `rows` rows, for `expert_rows` if it has rows for each
  // expert of a token; each copy of a per-thread buffer has room for `thread_rows`.
  StepMemory(int64_t rows, int64_t thread_rows, int64_t expert_rows, size_t threads)
      : rows_(rows), thread_rows_(thread_rows), expert_rows_(expert_rows), threads_(threads) {}

  int64_t thread_rows() const { return thread_rows_; }

  // The memory of a value of a graph that has passed assign_buffers. Errors: not enough memory.
  Expected<FloatRows> floats(const Graph& graph, int value);
  Expected<QuantizedRows> quantized(const Graph& graph, int value);
  // Sums of its groups of `group` numbers, `stride` a row.
  Expected<int32_t*> group_sums(const Graph& graph, int value, int64_t group, int64_t stride);
  // The memory that a preparation writes to, as its parameter `parameter`, when it reads the quantised value
  // `value`. `key` is Preparation::key.
  Expected<PreparedBytes> prepared(const Graph& graph, int value, uint64_t key, const ir::Buffer& parameter);

 private:
  // A buffer: kind, stride of rows, group, copies, per_thread, zero_padded, and how many buffers equal in
  // these come before it in its graph. Key adds what of the buffer the memory holds: {0, 0} rows, {0, 1}
  // scales, {0, 2} sums, or {key of a preparation, role of its parameter}.
  using BufferKey = std::tuple<ValueKind, int64_t, int64_t, int64_t, bool, bool, int>;
  using Key = std::tuple<BufferKey, uint64_t, int>;

  static BufferKey key_of(const Graph& graph, int buffer);
  Expected<std::byte*> find(const Key& key, int64_t bytes);
  int64_t rows_of(const GraphBuffer& buffer) const {
    if (buffer.type.copies != 0) return expert_rows_;
    return buffer.per_thread ? thread_rows_ : rows_;
  }
  int64_t copies_of(const GraphBuffer& buffer) const {
    return buffer.per_thread ? static_cast<int64_t>(threads_) : 1;
  }

  int64_t rows_, thread_rows_, expert_rows_;
  size_t threads_;
  std::map<Key, Memory> blocks_;
};

}  // namespace tern::runtime
