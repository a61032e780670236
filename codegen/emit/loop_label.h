// Internal to codegen/: how often a loop runs, said in the name of the block at its head. The name lasts
// until machine code, where nothing else tells which loop is which.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tern::codegen {

// The name of the first block of a loop: "times160.k0". LLVM may append digits to make it unique.
std::string loop_label(std::string_view name, int64_t trips);

// The trips of the loop that a block so named begins; nothing if the name is not of that form.
std::optional<int64_t> trips_of_label(std::string_view label);

}  // namespace tern::codegen
