// Chat templates that Tern brings, for models whose file has none or a wrong one.
#pragma once

#include <span>
#include <string_view>

namespace tern::runtime {

struct BuiltinTemplate {
  std::string_view name;
  std::string_view use;     // the models it is for
  std::string_view source;  // Jinja2
};

// The table, in no order.
std::span<const BuiltinTemplate> builtin_templates();
// The entry of a name; null if there is none.
const BuiltinTemplate* find_builtin_template(std::string_view name);

}  // namespace tern::runtime
