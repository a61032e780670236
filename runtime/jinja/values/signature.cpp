#include "runtime/jinja/values/signature.h"

#include <fmt/format.h>

namespace tern::runtime::jinja {
namespace {

Error wrong_kind(const Signature& signature, size_t index, std::string_view wanted, Kind kind) {
  return fail(fmt::format("'{}' of {} must be {}, and is {}", signature.parameters[index], signature.name,
                          wanted, name_of(kind)));
}

}  // namespace

bool is_given(Arguments arguments, size_t index) {
  return index < arguments.size() && arguments[index] && !arguments[index]->is(Kind::none);
}

Expected<std::string> string_argument(Arguments arguments, size_t index, const Signature& signature,
                                      std::string_view otherwise) {
  if (!is_given(arguments, index)) return std::string(otherwise);
  const Value& value = *arguments[index];
  if (!value.is(Kind::string)) return wrong_kind(signature, index, "a string", value.kind());
  return value.as_string();
}

Expected<int64_t> integer_argument(Arguments arguments, size_t index, const Signature& signature,
                                   int64_t otherwise) {
  if (!is_given(arguments, index)) return otherwise;
  const Value& value = *arguments[index];
  if (value.is(Kind::boolean)) return int64_t{value.as_boolean()};
  if (!value.is(Kind::integer)) return wrong_kind(signature, index, "an integer", value.kind());
  return value.as_integer();
}

bool flag_argument(Arguments arguments, size_t index, bool otherwise) {
  return index < arguments.size() && arguments[index] ? arguments[index]->truth() : otherwise;
}

}  // namespace tern::runtime::jinja
