#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ir/kernel/problem.h"
#include "runtime/graph/sharing.h"
#include "runtime/graph/verify_graph.h"

namespace tern::runtime {
namespace {

// Columns of a buffer. A value without a slot has a buffer of its own.
struct Region {
  int buffer = 0;
  int64_t begin = 0, end = 0;
  bool per_thread = false;
  bool overlaps(const Region& other) const {
    return buffer == other.buffer && begin < other.end && other.begin < end;
  }
};

class SharingVerifier {
 public:
  SharingVerifier(const Graph& graph, const GraphLocations& locations)
      : graph_(graph), locations_(locations) {}

  std::vector<Error> run() {
    find_private_values();
    for (block_ = 0; block_ < static_cast<int>(graph_.blocks.size()); ++block_) {
      const Block& block = graph_.blocks[static_cast<size_t>(block_)];
      const int64_t times = std::clamp<int64_t>(block.layers, 1, 2);
      for (int64_t time = 0; time < times; ++time) {
        index_ = -1;
        for (const Carried& carried : block.carried)
          hand_over(time == 0 ? carried.initial : carried.next, carried.argument);
        for (const Operation& operation : block.operations) {
          ++index_;
          run_operation(operation);
        }
      }
      index_ = -1;
      for (const Carried& carried : block.carried) hand_over(carried.next, carried.argument);
    }
    index_ = -1;
    return std::move(errors_);
  }

 private:
  struct Touch {
    Region region;
    UnitAccess access;
    bool writes;
    std::string_view by;
  };

  void complain(std::string message) {
    const auto found = locations_.find({block_, index_});
    Error error{std::move(message), found == locations_.end() ? Location{} : found->second};
    const auto same = [&](const Error& other) {
      return other.message == error.message && other.where == error.where;
    };
    if (std::ranges::none_of(errors_, same)) errors_.push_back(std::move(error));
  }

  const Value& at(int value) const { return graph_.values[static_cast<size_t>(value)]; }
  bool has_buffer(int value) const { return at(value).slot.buffer >= 0; }

  void find_private_values() {
    private_.resize(graph_.values.size());
    for_each_operation(graph_, [&](const Block&, const Operation& operation) {
      for (const int result : operation.results)
        private_[static_cast<size_t>(result)] = operation.sharing == Sharing::each;
    });
  }

  Region region_of(int value) const {
    const Slot& slot = at(value).slot;
    if (slot.buffer < 0) {
      const bool one_a_layer = at(value).type.kind == ValueKind::pages;
      const int own = static_cast<int>(graph_.buffers.size()) + root_of(value);
      return {own, 0, at(value).type.width, !one_a_layer && private_[static_cast<size_t>(value)]};
    }
    return {slot.buffer, slot.column, slot.column + at(value).type.width,
            graph_.buffers[static_cast<size_t>(slot.buffer)].per_thread};
  }
  // As long as they have no slots, a carried argument, its initial value and its next value count as one
  // value.
  int root_of(int value) const {
    const auto found = roots_.find(value);
    return found == roots_.end() ? value : found->second;
  }

  // The next layer begins: a carried value now has the name of its argument.
  void hand_over(int from, int to) {
    if (!has_buffer(from) && !has_buffer(to)) {
      roots_[to] = root_of(from);
      return;
    }
    if (at(from).slot != at(to).slot)
      return complain(fmt::format("%{} goes on as %{}, which lies elsewhere", at(from).name, at(to).name));
    expect_there(from);
    std::erase_if(held_, [&](const auto& entry) { return entry.first == to; });
    held_.erase(from);
    held_.emplace(to, region_of(to));
  }

  void expect_there(int value) {
    if (has_buffer(value) && !held_.contains(value))
      complain(fmt::format("%{} is overwritten before it is read", at(value).name));
  }

  void run_operation(const Operation& operation) {
    if (operation.sharing == Sharing::undecided && !has_places(operation)) return;
    std::vector<Touch> touches;
    for (size_t i = 0; i < operation.operands.size(); ++i) {
      expect_there(operation.operands[i]);
      touches.push_back(
          {region_of(operation.operands[i]), read_access(graph_, operation, i), false, name(operation.op)});
    }
    for (const int result : operation.results) {
      const Region region = region_of(result);
      if (has_buffer(result) && region.per_thread != (operation.sharing == Sharing::each))
        complain(fmt::format("%{} is {} by {}, in a buffer {}", at(result).name, name(operation.op),
                             name(operation.sharing),
                             region.per_thread ? "of each thread" : "of all threads"));
      touches.push_back({region, write_access(graph_, operation), true, name(operation.op)});
    }
    check_conflicts(touches);
    since_meeting_.insert(since_meeting_.end(), touches.begin(), touches.end());
    for (const int result : operation.results) {
      if (!has_buffer(result)) continue;
      const Region region = region_of(result);
      std::erase_if(held_, [&](const auto& entry) { return entry.second.overlaps(region); });
    }
    for (const int result : operation.results) {
      if (has_buffer(result)) held_.emplace(result, region_of(result));
    }
    check_padding(operation);
    if (is_product(operation) && has_places(operation)) check_product(operation);
    if (operation.meet_after) since_meeting_.clear();
  }

  bool has_places(const Operation& operation) const {
    return std::ranges::any_of(operation.results, [&](int result) { return has_buffer(result); });
  }

  // Compares each touch of this operation with those since the threads last met, and with each other.
  void check_conflicts(const std::vector<Touch>& touches) {
    const auto conflict = [](const Touch& a, const Touch& b) {
      if (!(a.writes || b.writes) || !a.region.overlaps(b.region) || a.region.per_thread) return false;
      const bool same_place = a.region.begin == b.region.begin && a.region.end == b.region.end;
      return !same_place || !same_units(a.access, b.access);
    };
    for (size_t i = 0; i < touches.size(); ++i) {
      for (const Touch& before : since_meeting_) {
        if (conflict(before, touches[i]))
          complain(fmt::format("the threads must meet between {} and {}", before.by, touches[i].by));
      }
      for (size_t j = 0; j < i; ++j) {
        if (conflict(touches[j], touches[i]) && !(touches[i].writes && touches[j].writes))
          complain(fmt::format("{} overwrites what it reads", touches[i].by));
      }
    }
  }

  static bool is_product(const Operation& operation) {
    return operation.op == Op::matmul || operation.op == Op::expert_matmul;
  }

  // A kernel derives the strides of its rows from the product's widths alone.
  void check_product(const Operation& operation) {
    const auto stride = [&](int value) {
      return ir::row_stride(graph_.buffers[static_cast<size_t>(at(value).slot.buffer)].type.width);
    };
    const auto expect_rows = [&](int value, int64_t width) {
      if (!has_buffer(value)) return complain(fmt::format("%{} has no buffer", at(value).name));
      if (stride(value) != ir::row_stride(width))
        complain(fmt::format("rows of %{} lie too far apart for a product", at(value).name));
    };
    const int input = operation.operands[0];
    expect_rows(input, at(input).type.width);
    if (at(input).slot.column != 0) complain(fmt::format("%{} begins inside of rows", at(input).name));
    int64_t width = 0;
    for (const int result : operation.results) {
      if (at(result).type.kind != ValueKind::f32) continue;
      const Slot wanted{at(operation.results[0]).slot.buffer, width};
      if (at(result).slot != wanted) complain("the results of a product must lie side by side");
      width += at(result).type.width;
    }
    for (const int result : operation.results) expect_rows(result, width);
    if (operation.op == Op::matmul && operation.operands.size() > 1) {
      expect_rows(operation.operands[1], width);
      if (at(operation.operands[1]).slot.column != 0)
        complain("what an epilogue reads begins inside of rows");
    }
    if (at(input).type.kind == ValueKind::f32 &&
        !graph_.buffers[static_cast<size_t>(at(input).slot.buffer)].zero_padded)
      complain(fmt::format("matmul reads %{} past the end of its rows, where no zeros are", at(input).name));
  }

  // Whatever might write something other than zeros past the end of rows.
  void check_padding(const Operation& operation) {
    for (const int result : operation.results) {
      if (!has_buffer(result)) continue;
      const GraphBuffer& buffer = graph_.buffers[static_cast<size_t>(at(result).slot.buffer)];
      if (buffer.zero_padded && (is_product(operation) || buffer.type.width != at(result).type.width))
        complain(fmt::format("%{} overwrites zeros past the end of rows", at(result).name));
    }
  }

  const Graph& graph_;
  const GraphLocations& locations_;
  std::vector<bool> private_;         // by value: each thread has its own
  std::map<int, int> roots_;          // of a carried value: the value that it counts as
  std::map<int, Region> held_;        // values that their slots hold now
  std::vector<Touch> since_meeting_;  // touches since the threads last met
  std::vector<Error> errors_;
  int block_ = 0, index_ = -1;
};

}  // namespace

std::vector<Error> verify_sharing(const Graph& graph, const GraphLocations& locations) {
  return SharingVerifier(graph, locations).run();
}

}  // namespace tern::runtime
