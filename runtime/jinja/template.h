// Chat templates: a subset of Jinja2 in which nothing of the machine can be reached, and whose cost is
// bounded.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "base/expected.h"
#include "runtime/jinja/parse/syntax.h"
#include "runtime/jinja/values/budget.h"
#include "runtime/jinja/values/value.h"

namespace tern::runtime::jinja {

struct RenderOptions {
  Limits limits;
  std::tm now = {};  // what strftime_now() tells
};

class Template {
 public:
  // `name` is what errors call the template. Errors, with line and column: see parse_statements and tokenize;
  // more than max_source_bytes.
  static Expected<Template> parse(std::string_view source, std::string name);

  // The output for these variables. Errors: what the template refuses by raise_exception; values that an
  // operation cannot take, such as an attribute of what is undefined; a limit that is reached. All tell line
  // and column.
  Expected<std::string> render(const Dict& variables, const RenderOptions& options = {}) const;

  static constexpr size_t max_source_bytes = size_t{1} << 20;

 private:
  Template() = default;

  std::string name_, source_;
  std::shared_ptr<const Block> block_;
};

}  // namespace tern::runtime::jinja
