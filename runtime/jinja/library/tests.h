// The tests: what stands after `is` in a template.
#pragma once

#include <span>
#include <string_view>

#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

struct TestEntry {
  Signature signature;
  Expected<bool> (*holds)(const Value& subject, Arguments arguments, const Context& context);
};

// The table, in no order.
std::span<const TestEntry> tests();
// The entry of a name; null if there is none.
const TestEntry* find_test(std::string_view name);

}  // namespace tern::runtime::jinja
