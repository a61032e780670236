// How filters, tests, methods and functions are called.
#pragma once

#include <ctime>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "runtime/jinja/values/budget.h"
#include "runtime/jinja/values/value.h"

namespace tern::runtime::jinja {

struct Signature {
  std::string_view name;
  std::vector<std::string_view> parameters;  // each may be given by its place or by its name
  size_t required = 0;                       // parameters [0, required) must be given
};

// What the functions of the tables may use besides their arguments.
struct Context {
  Budget& budget;
  std::tm now;  // for strftime_now
};

// One for each parameter; nothing where the template gives none.
using Arguments = std::span<const std::optional<Value>>;

// A result without a place of its own: the evaluator adds where in the template it happened.
using Result = Expected<Value>;

inline Error fail(std::string message) {
  return {std::move(message), {}};
}

// An argument of a certain kind. Errors name the parameter.
Expected<std::string> string_argument(Arguments arguments, size_t index, const Signature& signature,
                                      std::string_view otherwise = {});
Expected<int64_t> integer_argument(Arguments arguments, size_t index, const Signature& signature,
                                   int64_t otherwise = 0);
// By truth, as Python takes it.
bool flag_argument(Arguments arguments, size_t index, bool otherwise = false);
// Whether an argument is given and is not none.
bool is_given(Arguments arguments, size_t index);

}  // namespace tern::runtime::jinja
