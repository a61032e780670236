// JSON from files that nobody vouches for.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/expected.h"

namespace tern::runtime {

struct JsonLimits {
  size_t depth;                     // of arrays and objects in one another
  size_t values = size_t{1} << 23;  // of all kinds; Gemma's tokenizer.json has 2 million
};

// Parses one JSON value (RFC 8259) that fills `text`. Errors, with line and column in `file`: what is no JSON
// or no UTF-8, what is beyond the limits, and an object with the same key twice, of which programs take
// different ones.
Expected<nlohmann::json> parse_json(std::string_view text, const std::string& file, const JsonLimits& limits);

}  // namespace tern::runtime
