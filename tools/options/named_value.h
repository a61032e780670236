// Options whose values have names: types of tensors, ways to pool, kinds of activations.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tern::tools {

// Adds an option that takes one of the names in `values`, in upper or lower case, and sets `variable`, which
// must outlive the command, to the value of that name. Help lists the names, and so does the refusal of any
// other text.
template <class Value, class Variable>
CLI::Option* add_named_value(CLI::App& command, const std::string& name, Variable& variable,
                             const std::string& help, const std::map<std::string, Value>& values) {
  std::vector<std::string> names;
  for (const auto& [of, value] : values) names.push_back(of);
  const std::string listed = fmt::format("{{{}}}", fmt::join(names, ","));
  const auto set = [values, listed, name, &variable](const std::string& text) {
    for (const auto& [of, value] : values) {
      if (CLI::detail::to_lower(of) != CLI::detail::to_lower(text)) continue;
      variable = value;
      return;
    }
    throw CLI::ValidationError(name, fmt::format("{} not in {}", text, listed));
  };
  return command.add_option_function<std::string>(name, set, help)->type_name("NAME:" + listed);
}

}  // namespace tern::tools
