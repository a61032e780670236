// tern tune --predict: kernels for a CPU that is not at hand.
#pragma once

#include <string>
#include <vector>

#include "autotune/search/tune.h"

namespace tern::tools {

// Ranks by the cost model alone, keeps what it finds as predicted records of that target, and prints it; with
// `explain`, the rank of every recipe too. An exit code.
Expected<int> predict(const std::vector<autotune::TuneTask>& tasks, const std::string& target_name,
                      int threads, const std::string& database, bool explain);

}  // namespace tern::tools
