#include "ir/program/op.h"

namespace tern::ir {

std::optional<Op> op_named(std::string_view name) {
  for (const OpInfo& candidate : ops) {
    if (candidate.name == name) return candidate.op;
  }
  return std::nullopt;
}

}  // namespace tern::ir
