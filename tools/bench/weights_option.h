// --weights of `tern bench`: kinds of weights and how they are multiplied, in few characters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/expected.h"
#include "ir/kernel/problem.h"

namespace tern::tools {

// One item of the list: KERNEL[:ELEMENT][:gGROUP], such as "b2", "b2:g128", "b2:i2:g64" or "g3b5 dot table".
struct BenchWeights {
  std::string text;    // as it was written
  std::string kernel;  // "tuned": what a model would run; else the name of a packing or of a recipe
  ir::Operand w;  // with one scale, or an f16 scale (of i4 and i8: f32) for each `group` inputs of an output
};

// The items of a list. An item without an element has the one that its packing is called after (i4, i8, f16,
// bf16, f32), else the first of trit, sign and i2 that its packing holds. Errors: an item that is written
// otherwise, or a packing or recipe that does not exist, or not for these weights.
Expected<std::vector<BenchWeights>> parse_bench_weights(const std::vector<std::string>& items);

}  // namespace tern::tools
