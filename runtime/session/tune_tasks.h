// What there is to tune for a model: the shapes of its matrices.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "autotune/search/tune.h"
#include "base/expected.h"

namespace tern::runtime {

// "2560 x 6912": outputs x inputs, and the kind of weights unless these are trits.
std::string shape_text(const ir::Problem& problem);

// The distinct shapes of a model's matrices, and how often it has them. The head is not used for many rows.
// Errors: those of load_model.
Expected<std::vector<autotune::TuneTask>> tasks_of_model(const std::string& file,
                                                         const std::vector<autotune::Demand>& demands);
std::vector<autotune::TuneTask> tasks_of_shapes(const std::vector<ir::Problem>& shapes,
                                                const std::vector<autotune::Demand>& demands);

// The tasks for whose shapes `file` has no measured record, for any number of threads. A session uses default
// kernels for these.
Expected<std::vector<autotune::TuneTask>> missing_tasks(std::vector<autotune::TuneTask> tasks,
                                                        const std::filesystem::path& file,
                                                        const targets::Target& target,
                                                        const autotune::Provenance& machine);

}  // namespace tern::runtime
