// JSON from files that nobody vouches for.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/expected.h"

namespace tern::runtime {

// Parses one JSON value (RFC 8259) that fills `text`. Errors, with line and column in `file`: what is no JSON
// or no UTF-8, arrays and objects that lie deeper than `max_depth` in one another, and an object with the
// same key twice, of which programs take different ones.
Expected<nlohmann::json> parse_json(std::string_view text, const std::string& file, size_t max_depth);

}  // namespace tern::runtime
