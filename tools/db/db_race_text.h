// The outcome of a race between databases, as text for people.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "autotune/search/choice_race.h"

namespace tern::tools {

std::string contest_text(const ir::Problem& problem);  // "2560 x 6912, 1 row"

struct RaceSetting {
  std::vector<std::string> files;  // the databases, in the order of the contenders
  int threads = 1, rounds = 1;
  size_t contests = 0;  // that were to be held; fewer results mean that somebody stopped it
};

// A table with a row for each contest and a column for each file; why kernels were not timed; last the
// largest clear difference.
std::string race_text(std::span<const autotune::ContestResult> results, const RaceSetting& setting);

}  // namespace tern::tools
