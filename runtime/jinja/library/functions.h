// The functions that templates may call, besides their macros and what takes arguments of any name
// (`namespace`, `dict`, which evaluate.cpp has).
#pragma once

#include <span>
#include <string_view>

#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

struct FunctionEntry {
  Signature signature;
  Result (*call)(Arguments arguments, const Context& context);
};

// The table, in no order.
std::span<const FunctionEntry> functions();
// The entry of a name; null if there is none.
const FunctionEntry* find_function(std::string_view name);

}  // namespace tern::runtime::jinja
