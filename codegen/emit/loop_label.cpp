#include "codegen/emit/loop_label.h"

#include <charconv>

namespace tern::codegen {

static constexpr std::string_view prefix = "times";

std::string loop_label(std::string_view name, int64_t trips) {
  return std::string(prefix) + std::to_string(trips) + "." + std::string(name);
}

std::optional<int64_t> trips_of_label(std::string_view label) {
  if (!label.starts_with(prefix)) return std::nullopt;
  int64_t trips = 0;
  const char* end = label.data() + label.size();
  const auto [rest, problem] = std::from_chars(label.data() + prefix.size(), end, trips);
  if (problem != std::errc() || rest == end || *rest != '.') return std::nullopt;
  return trips;
}

}  // namespace tern::codegen
