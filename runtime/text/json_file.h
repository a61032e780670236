// JSON files that strangers wrote: read with limits, and looked into with errors that say where.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"

namespace tern::runtime {

// Parses a whole file. Errors, with its path: it cannot be read or is larger than 128 MiB; it is no JSON or
// no UTF-8; it is nested more than 64 deep or has more than 2^23 values; an object has a key twice, of which
// parsers keep one or the other.
Expected<nlohmann::json> read_json_file(const std::string& path);

// A value and the way to it from the root, such as "model.merges[3]", which begins the errors below. The path
// of the file is not in them: the reader of the whole file adds it.
struct JsonPlace {
  const nlohmann::json* value;
  std::string name;

  // An error about this value.
  Error error(std::string_view message) const;

  // Members of an object. `find` gives nothing where there is none or it is null. Error: this is no object.
  Expected<std::optional<JsonPlace>> find(std::string_view key) const;
  Expected<JsonPlace> get(std::string_view key) const;  // error also if there is none

  // The elements of an array.
  Expected<std::vector<JsonPlace>> elements() const;

  // Error: a value of another type; for `id`, a number that is not a whole one from 0 to 2^31 - 1.
  Expected<std::string> text() const;
  Expected<bool> flag() const;
  Expected<uint32_t> id() const;

  // A member's text or flag, or what it is where the object does not say.
  Expected<std::string> text_of(std::string_view key, std::string_view otherwise) const;
  Expected<bool> flag_of(std::string_view key, bool otherwise) const;
};

}  // namespace tern::runtime
