#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "ir/kernel/problem.h"
#include "runtime/graph/passes.h"
#include "runtime/graph/sharing.h"

namespace tern::runtime {
namespace {

// The last operation that reads a value, and the group that it is in. Operations are numbered from the start
// of the graph; a group is the operations between two meetings of the threads.
struct Life {
  int last_group = -1, last_operation = -1;
};

bool is_memory(const ValueType& type) {
  return type.kind == ValueKind::f32 || type.kind == ValueKind::i8;
}

bool is_product(const Operation& operation) {
  return operation.op == Op::matmul || operation.op == Op::expert_matmul;
}

class BufferAssigner {
 public:
  explicit BufferAssigner(Graph& graph) : graph_(graph), lives_(graph.values.size()) {}

  void run() {
    measure_lives();
    int operation_index = 0, group = 0;
    for (Block& block : graph_.blocks) {
      for (const Carried& carried : block.carried) {
        at(carried.argument).slot = at(carried.initial).slot;
        occupy(at(carried.argument).slot.buffer, life(carried.argument));
      }
      for (const Operation& operation : block.operations) {
        assign(operation, operation_index++, group);
        group += operation.meet_after;
      }
    }
  }

 private:
  // All values of a buffer together.
  struct Occupant {
    Life life;
    bool has_products = false;  // a product writes it, and may write past the end of rows
    bool has_widths = false;    // its values have different widths
  };

  Value& at(int value) { return graph_.values[static_cast<size_t>(value)]; }
  Life& life(int value) { return lives_[static_cast<size_t>(value)]; }

  void occupy(int buffer, const Life& life) {
    Life& occupied = occupants_[static_cast<size_t>(buffer)].life;
    occupied.last_group = std::max(occupied.last_group, life.last_group);
    occupied.last_operation = std::max(occupied.last_operation, life.last_operation);
  }

  void measure_lives() {
    constexpr int end = std::numeric_limits<int>::max();
    int index = 0, group = 0;
    // A read of a carried argument after the layers is a read of the value that the last layer gave.
    std::vector<int> given_as(graph_.values.size());
    std::iota(given_as.begin(), given_as.end(), 0);
    for (const Block& block : graph_.blocks) {
      std::vector<int> given_here;
      const auto read = [&](int value) {
        Life& its = life(given_as[static_cast<size_t>(value)]);
        its.last_group = group;
        its.last_operation = index;
      };
      for (const Carried& carried : block.carried) given_here.push_back(carried.argument);
      std::vector<int> from_outside;
      for (const Operation& operation : block.operations) {
        for (const int operand : operation.operands) {
          read(operand);
          if (std::ranges::find(given_here, operand) == given_here.end()) from_outside.push_back(operand);
        }
        for (const int result : operation.results) {
          read(result);  // so that an unread result has a life too
          given_here.push_back(result);
        }
        group += operation.meet_after;
        ++index;
      }
      // The next layer reads the values from outside of the block again.
      --index, --group;
      if (block.layers > 0) std::ranges::for_each(from_outside, read);
      // A carried value has one slot from the first layer to its last reader after the layers.
      for (const Carried& carried : block.carried) {
        read(carried.next);
        given_as[static_cast<size_t>(carried.argument)] = carried.next;
      }
      ++index, ++group;
    }
    life(graph_.logits).last_group = life(graph_.logits).last_operation = end;
  }

  bool is_read_by_dense_product(int value) const {
    bool found = false;
    for_each_operation(graph_, [&](const Block&, const Operation& operation) {
      found |= is_product(operation) && operation.operands[0] == value &&
               graph_.values[static_cast<size_t>(value)].type.kind == ValueKind::f32;
    });
    return found;
  }

  // Gives slots to the results of an operation: side by side in one row if they are of one kind.
  void assign(const Operation& operation, int index, int group) {
    const bool per_thread = operation.sharing == Sharing::each;
    for (size_t i = 0; i < operation.results.size();) {
      const ValueType first = at(operation.results[i]).type;
      size_t end = i + 1;
      int64_t width = first.width;
      for (; end < operation.results.size() && at(operation.results[end]).type.kind == first.kind; ++end)
        width += at(operation.results[end]).type.width;
      if (is_memory(first)) {
        const std::vector<int> together(operation.results.begin() + static_cast<std::ptrdiff_t>(i),
                                        operation.results.begin() + static_cast<std::ptrdiff_t>(end));
        place_together(operation, together,
                       {{first.kind, width, first.group, first.copies}, per_thread, false}, index, group);
      }
      i = end;
    }
  }

  void place_together(const Operation& operation, const std::vector<int>& values, const GraphBuffer& wanted,
                      int index, int group) {
    const bool has_products = is_product(operation);
    const bool keeps_zeros = values.size() == 1 && is_read_by_dense_product(values[0]);
    const auto zeros_stay = [&](int index_of_buffer) {
      const Occupant& occupant = occupants_[static_cast<size_t>(index_of_buffer)];
      const GraphBuffer& buffer = graph_.buffers[static_cast<size_t>(index_of_buffer)];
      if (!keeps_zeros && !buffer.zero_padded) return true;
      return buffer.type.width == wanted.type.width && !has_products && !occupant.has_products &&
             !occupant.has_widths;
    };
    Slot slot = values.size() == 1 ? slot_of_operand(operation, values[0], index, group) : Slot{};
    if (slot.buffer < 0 || !zeros_stay(slot.buffer))
      slot = {find_buffer(wanted, zeros_stay, index, group), 0};
    Occupant& occupant = occupants_[static_cast<size_t>(slot.buffer)];
    GraphBuffer& buffer = graph_.buffers[static_cast<size_t>(slot.buffer)];
    occupant.has_products |= has_products;
    occupant.has_widths |= buffer.type.width != wanted.type.width;
    buffer.type.width = std::max(buffer.type.width, wanted.type.width);
    buffer.zero_padded |= keeps_zeros;
    for (const int value : values) {
      at(value).slot = slot;
      slot.column += at(value).type.width;
      occupy(slot.buffer, life(value));
    }
  }

  // The slot of an operand that the operation may overwrite with its result: no other operation reads the
  // operand at the same time or later, and each thread writes only elements that it alone reads. Slot{} if
  // there is none.
  Slot slot_of_operand(const Operation& operation, int result, int index, int group) {
    for (size_t i = 0; i < operation.operands.size(); ++i) {
      const int operand = operation.operands[i];
      const Slot& slot = at(operand).slot;
      if (slot.buffer < 0 || at(operand).type != at(result).type) continue;
      const GraphBuffer& buffer = graph_.buffers[static_cast<size_t>(slot.buffer)];
      const bool same_elements =
          same_units(read_access(graph_, operation, i), write_access(graph_, operation)) &&
          operation.op != Op::select && (operation.op != Op::matmul || i > 0);
      const bool nobody_else =
          life(operand).last_operation == index && !read_before(operand, operation, group);
      if (same_elements && nobody_else && buffer.per_thread == (operation.sharing == Sharing::each))
        return slot;
    }
    return {};
  }

  // Whether an operation of this group with other units reads the value: another thread may still be reading
  // it.
  bool read_before(int value, const Operation& operation, int group) const {
    bool found = false;
    int current = 0;
    for_each_operation(graph_, [&](const Block&, const Operation& reader) {
      for (size_t i = 0; i < reader.operands.size(); ++i) {
        if (current == group && &reader != &operation && reader.operands[i] == value)
          found |= operation.sharing != Sharing::each &&
                   !same_units(read_access(graph_, reader, i), write_access(graph_, operation));
      }
      current += reader.meet_after;
    });
    return found;
  }

  // A free buffer with the stride that rows of the wanted width have (kernels assume it), or a new one. A
  // shared buffer is free if its values were last read before the threads last met, a per-thread one if they
  // are not read any more.
  template <class Allowed>
  int find_buffer(const GraphBuffer& wanted, const Allowed& allowed, int index, int group) {
    for (size_t i = 0; i < graph_.buffers.size(); ++i) {
      const GraphBuffer& buffer = graph_.buffers[i];
      const Occupant& occupant = occupants_[i];
      const bool fits = buffer.type.kind == wanted.type.kind && buffer.type.group == wanted.type.group &&
                        buffer.type.copies == wanted.type.copies && buffer.per_thread == wanted.per_thread &&
                        ir::row_stride(buffer.type.width) == ir::row_stride(wanted.type.width);
      const bool is_free =
          wanted.per_thread ? occupant.life.last_operation < index : occupant.life.last_group < group;
      if (!fits || !is_free || !allowed(static_cast<int>(i))) continue;
      return static_cast<int>(i);
    }
    graph_.buffers.push_back(wanted);
    occupants_.emplace_back();
    return static_cast<int>(graph_.buffers.size()) - 1;
  }

  Graph& graph_;
  std::vector<Life> lives_;          // by value
  std::vector<Occupant> occupants_;  // by buffer: until when all values in it are read
};

}  // namespace

void assign_buffers(Graph& graph, const PassOptions&) {
  BufferAssigner(graph).run();
}

}  // namespace tern::runtime
