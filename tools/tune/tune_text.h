// What the tuner found, as text for people.
#pragma once

#include <string>

#include "autotune/search/tune.h"

namespace tern::tools {

// How many candidates there are for each number of rows, by recipe, and the reasons against the others.
std::string space_text(const autotune::TuneTask& task, const targets::Target& target);

// What became of a sample (TuneOptions::sample), and how good the cost model is by it.
std::string sample_text(const autotune::TuneResult& result, const std::string& file);

// The table by shape, what the cost model was worth, and where the records are. With `explain` more on each
// winner.
std::string result_text(const autotune::TuneResult& result, const autotune::Machine& machine,
                        const std::string& file, bool explain);

}  // namespace tern::tools
