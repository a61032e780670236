// What is kept of races on live work: records and choices, as a tuning session would have written them.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "autotune/measure/live_race.h"
#include "autotune/records/database.h"
#include "kernels/space.h"

namespace tern::autotune {

// The choice that a model's kernels for one shape of matrix come from. `in_use` holds them by ascending m.
// It is the one of the database that find_kernel gives them from, or if they are the default kernels, a new
// one of these, with ratios of 1 and without times (0). It has `conditions`, as the next run will ask, and is
// complete only if it was for the same. Nothing if the kernels are from neither, or from a choice that was
// predicted, whose ratio to the default kernel is not known.
std::optional<Choice> choice_in_use(const Database& database, std::span<const ir::Kernel> in_use,
                                    const targets::Target& target, const Conditions& conditions);

// How long a choice's kernel for m rows takes, to the default kernel.
double ratio_for(const Choice& choice, int64_t m);

// What such a race found out about a candidate. It was compared with the kernel in use, so its ratio to the
// default kernel is that of the kernel in use times what was measured. `load`: as Timing says.
Record record_of(const kernels::Candidate& candidate, const LiveRaceResult& result, double ratio_in_use,
                 const Conditions& conditions, double load, const std::string& date);

// Puts a candidate that was faster in the place of the choice's kernel for its number of rows.
void replace_kernel(Choice& choice, const kernels::Candidate& better, const LiveRaceResult& result,
                    const std::string& date);

}  // namespace tern::autotune
