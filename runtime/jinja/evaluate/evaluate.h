// Runs the syntax tree of a template.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "base/expected.h"
#include "runtime/jinja/parse/syntax.h"
#include "runtime/jinja/values/budget.h"

namespace tern::runtime::jinja {

// The output of a block. `source` is the text that it was parsed from, for the place of errors.
Expected<std::string> evaluate(const Block& block, std::string_view source, const Dict& variables,
                               const std::tm& now, Budget& budget);

}  // namespace tern::runtime::jinja
