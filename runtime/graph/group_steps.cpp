#include <algorithm>
#include <vector>

#include "runtime/graph/passes.h"
#include "runtime/graph/sharing.h"

namespace tern::runtime {
namespace {

Sharing sharing_of(const Graph& graph, const Operation& operation, const PassOptions& options) {
  switch (operation.op) {
    case Op::embed:
    case Op::rope_angles: return Sharing::rows;
    case Op::rms_norm:
      if (operation.heads != 0) return Sharing::heads;
      return computed_by_each(options) ? Sharing::each : Sharing::rows;
    case Op::center:
    case Op::quantize:
    case Op::combine:
    case Op::rotate:
    case Op::select: return computed_by_each(options) ? Sharing::each : Sharing::rows;
    case Op::matmul: {
      const bool whole_rows =
          graph.values[static_cast<size_t>(operation.results.back())].type.kind == ValueKind::i8;
      return whole_rows ? Sharing::rows : Sharing::columns;
    }
    case Op::part:
    case Op::rope:
    case Op::store: return Sharing::heads;
    case Op::attend:
    case Op::delta_rule: return Sharing::tasks;
    case Op::add:
    case Op::gate:
    case Op::activate:
    case Op::scale:
    case Op::expert_matmul:
    case Op::convolve:
    case Op::mix: return Sharing::columns;
    case Op::route: return Sharing::each;
    case Op::gather:
    case Op::expert_gate: return Sharing::rows;
  }
  return Sharing::undecided;
}

// The writes since the threads last met, by value.
class Written {
 public:
  explicit Written(const Graph& graph) : graph_(graph), by_(graph.values.size(), nullptr) {}

  bool must_meet_before(const Operation& operation) const {
    for (size_t i = 0; i < operation.operands.size(); ++i) {
      const Operation* giver = by_[static_cast<size_t>(operation.operands[i])];
      if (!giver || giver->sharing == Sharing::each) continue;
      if (!same_units(write_access(graph_, *giver), read_access(graph_, operation, i))) return true;
    }
    return false;
  }
  void add(const Operation& operation) {
    for (const int result : operation.results) by_[static_cast<size_t>(result)] = &operation;
  }
  void meet() { std::ranges::fill(by_, nullptr); }

 private:
  const Graph& graph_;
  std::vector<const Operation*> by_;
};

}  // namespace

void group_steps(Graph& graph, const PassOptions& options) {
  for (Block& block : graph.blocks) {
    for (Operation& operation : block.operations) operation.sharing = sharing_of(graph, operation, options);
  }
  Operation* before = nullptr;
  for (Block& block : graph.blocks) {
    // The threads meet before and after each layer, for a layer reads all elements of what the one before
    // gave.
    if (before) before->meet_after = true;
    before = nullptr;
    Written written(graph);
    for (Operation& operation : block.operations) {
      if (written.must_meet_before(operation)) {
        before->meet_after = true;
        written.meet();
      }
      written.add(operation);
      before = &operation;
    }
    if (before && block.layers > 0) before->meet_after = true;
  }
}

}  // namespace tern::runtime
