#include "runtime/execute/step_memory.h"

#include "ir/kernel/problem.h"

namespace tern::runtime {
namespace {

// The part of a buffer that a block of memory holds: the last element of its key.
enum Part : int { rows_part, scales_part, sums_part };

const GraphBuffer& buffer_of(const Graph& graph, int value) {
  return graph.buffers[static_cast<size_t>(graph.values[static_cast<size_t>(value)].slot.buffer)];
}

}  // namespace

StepMemory::BufferKey StepMemory::key_of(const Graph& graph, int buffer) {
  const auto form = [&](int index) {
    const GraphBuffer& of = graph.buffers[static_cast<size_t>(index)];
    return std::tuple(of.type.kind, ir::row_stride(of.type.width), of.type.group, of.type.copies,
                      of.per_thread, of.zero_padded);
  };
  int before = 0;
  for (int i = 0; i < buffer; ++i) before += form(i) == form(buffer);
  return std::tuple_cat(form(buffer), std::tuple(before));
}

Expected<std::byte*> StepMemory::find(const Key& key, int64_t bytes) {
  Memory& block = blocks_[key];
  if (static_cast<int64_t>(block.size()) < bytes) {
    TERN_ASSIGN(block, Memory::allocate(static_cast<size_t>(bytes)));
  }
  return block.data();
}

Expected<FloatRows> StepMemory::floats(const Graph& graph, int value) {
  const Value& at = graph.values[static_cast<size_t>(value)];
  const GraphBuffer& buffer = buffer_of(graph, value);
  const int64_t stride = ir::row_stride(buffer.type.width), numbers = rows_of(buffer) * stride;
  TERN_ASSIGN(std::byte * data, find({key_of(graph, at.slot.buffer), rows_part, 0},
                                     copies_of(buffer) * numbers * int64_t{sizeof(float)}));
  return FloatRows{reinterpret_cast<float*>(data) + at.slot.column, stride, buffer.per_thread ? numbers : 0,
                   at.type.width};
}

Expected<QuantizedRows> StepMemory::quantized(const Graph& graph, int value) {
  const Value& at = graph.values[static_cast<size_t>(value)];
  const GraphBuffer& buffer = buffer_of(graph, value);
  const BufferKey key = key_of(graph, at.slot.buffer);
  const int64_t stride = ir::row_stride(buffer.type.width), rows = rows_of(buffer);
  const int64_t all_rows = copies_of(buffer) * rows, group = at.type.group;
  const int64_t scales_a_row = group != 0 ? ir::ceil_divide(stride, group) : 1;
  TERN_ASSIGN(std::byte * data, find({key, rows_part, 0}, all_rows * stride));
  TERN_ASSIGN(std::byte * scales,
              find({key, scales_part, 0}, all_rows * scales_a_row * int64_t{sizeof(float)}));
  TERN_ASSIGN(std::byte * sums, find({key, sums_part, 0}, all_rows * int64_t{sizeof(int32_t)}));
  return QuantizedRows{reinterpret_cast<int8_t*>(data),
                       reinterpret_cast<float*>(scales),
                       reinterpret_cast<int32_t*>(sums),
                       stride,
                       buffer.per_thread ? rows * stride : 0,
                       buffer.per_thread ? rows : 0,
                       at.type.width,
                       group,
                       scales_a_row};
}

Expected<int32_t*> StepMemory::group_sums(const Graph& graph, int value, int64_t group, int64_t stride) {
  const GraphBuffer& buffer = buffer_of(graph, value);
  const BufferKey key = key_of(graph, graph.values[static_cast<size_t>(value)].slot.buffer);
  TERN_ASSIGN(std::byte * sums,
              find({key, static_cast<uint64_t>(group), sums_part},
                   copies_of(buffer) * rows_of(buffer) * stride * int64_t{sizeof(int32_t)}));
  return reinterpret_cast<int32_t*>(sums);
}

Expected<PreparedBytes> StepMemory::prepared(const Graph& graph, int value, uint64_t key,
                                             const ir::Buffer& parameter) {
  const GraphBuffer& buffer = buffer_of(graph, value);
  const int64_t bytes = ir::round_up(parameter.bytes(), 4096);
  const int buffer_index = graph.values[static_cast<size_t>(value)].slot.buffer;
  TERN_ASSIGN(std::byte * data, find({key_of(graph, buffer_index), key, 1 + static_cast<int>(parameter.role)},
                                     copies_of(buffer) * bytes));
  return PreparedBytes{data, buffer.per_thread ? bytes : 0};
}

}  // namespace tern::runtime
