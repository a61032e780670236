// What users write about what is to be tuned: shapes, and how often each number of rows is used.
#pragma once

#include <string>
#include <vector>

#include "autotune/search/tune.h"
#include "base/expected.h"

namespace tern::tools {

// How many calls with how many rows a session makes: "1:256,4:16,256:2". Rows count for the bucket that runs
// them (kernels/row_buckets.h): calls with 5 and with 8 rows are calls of the kernel for 8.
Expected<std::vector<autotune::Demand>> parse_demands(const std::string& text);
inline constexpr const char* default_demands = "1:256,4:16,256:2";

// "2560x6912": n and k of trits with one scale.
Expected<ir::Problem> parse_shape(const std::string& text);

}  // namespace tern::tools
