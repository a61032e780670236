#include "ir/program/buffer.h"

namespace tern::ir {

BufferRole role_named(std::string_view name) {
  for (const BufferRoleInfo& row : buffer_roles) {
    if (row.name == name) return row.role;
  }
  return BufferRole::none;
}

std::string_view name(BufferKind kind) {
  switch (kind) {
    case BufferKind::input: return "input";
    case BufferKind::output: return "output";
    case BufferKind::scratch: return "scratch";
  }
  return {};
}

}  // namespace tern::ir
