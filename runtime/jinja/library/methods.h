// The methods of strings, dicts, lists and loops that templates may call. None changes its object.
#pragma once

#include <span>
#include <string_view>

#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

struct MethodEntry {
  Signature signature;
  Result (*call)(const Value& object, Arguments arguments, const Context& context);
};

// The table, in no order.
std::span<const MethodEntry> methods();
// The entry of a name; null if there is none.
const MethodEntry* find_method(std::string_view name);
// Whether Python has a method of that name for the kind, which hides an item of a dict from `object.name`.
bool is_method_of(std::string_view name, Kind kind);

}  // namespace tern::runtime::jinja
