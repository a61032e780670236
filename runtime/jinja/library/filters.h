// The filters: what stands after | in a template.
#pragma once

#include <span>
#include <string_view>

#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

struct FilterEntry {
  Signature signature;
  Result (*apply)(const Value& subject, Arguments arguments, const Context& context);
};

// The table, in no order.
std::span<const FilterEntry> filters();
// The entry of a name; null if there is none.
const FilterEntry* find_filter(std::string_view name);

}  // namespace tern::runtime::jinja
