// The results of races between databases, as text for people.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "autotune/search/choice_race.h"

namespace tern::tools {

std::string race_title(const ir::Problem& problem);  // "2560 x 6912, 1 row"

struct RaceSetting {
  std::vector<std::string> files;  // the databases, in the order of the entries
  int threads = 1, rounds = 1;
  size_t races = 0;  // that were to run; fewer results mean that they were interrupted
};

// A table with a row for each race and a column for each file; why kernels were not timed; last the
// largest clear difference.
std::string race_text(std::span<const autotune::ChoiceRaceResult> results, const RaceSetting& setting);

}  // namespace tern::tools
