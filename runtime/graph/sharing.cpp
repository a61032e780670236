#include "runtime/graph/sharing.h"

namespace tern::runtime {
namespace {

int64_t width_of(const Graph& graph, int value) {
  return graph.values[static_cast<size_t>(value)].type.width;
}

UnitAccess access_of(const Graph& graph, const Operation& operation, bool own_elements) {
  UnitAccess access{operation.sharing, 0, own_elements};
  switch (operation.sharing) {
    case Sharing::undecided:
    case Sharing::tasks: access.within = false; break;
    case Sharing::each: access.within = true; break;
    // A row is one thread's alone, but select reads rows that are other threads'.
    case Sharing::rows:
      access.within = operation.op != Op::select;
      access.units = graph.values[static_cast<size_t>(operation.results[0])].type.copies;
      break;
    case Sharing::heads: access.units = operation.heads; break;
    case Sharing::columns:
      // The columns of several matrices side by side are shared out as one range.
      for (const int result : operation.results) access.units += width_of(graph, result);
      break;
  }
  // Rows of experts are shared out by the work that their products are.
  if (operation.op == Op::expert_matmul) access.within = false;
  return access;
}

}  // namespace

UnitAccess read_access(const Graph& graph, const Operation& operation, size_t operand) {
  const ValueType &read = graph.values[static_cast<size_t>(operation.operands[operand])].type,
                  &given = graph.values[static_cast<size_t>(operation.results[0])].type;
  const bool own_heads = operation.op == Op::rms_norm && operation.sharing == Sharing::heads;
  UnitAccess access =
      access_of(graph, operation, info(operation.op).operands[operand].own_elements || own_heads);
  if (read.copies != given.copies) access.within = false;
  return access;
}

UnitAccess write_access(const Graph& graph, const Operation& operation) {
  UnitAccess access = access_of(graph, operation, true);
  // The rows that select gives are shared out like those of any operation on rows.
  if (operation.op == Op::select) access.within = true;
  return access;
}

bool same_units(const UnitAccess& a, const UnitAccess& b) {
  return a.within && b.within && a.sharing == b.sharing && a.units == b.units;
}

}  // namespace tern::runtime
