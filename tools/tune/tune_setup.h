// What the commands about tuning have in common: the shapes of a model, and the threads to measure on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "autotune/search/tune.h"
#include "base/expected.h"
#include "base/thread_pool.h"

namespace tern::tools {

// How many calls of each kind a session makes: "1:256,4:16,256:2".
Expected<std::vector<autotune::Use>> parse_uses(const std::string& text);
inline constexpr const char* usual_uses = "1:256,4:16,256:2";

// "2560x6912": n and k of trits with one scale.
Expected<ir::Problem> parse_shape(const std::string& text);
std::string shape_text(
    const ir::Problem& problem);  // "2560 x 6912", with the kind of weights if they are no trits

// The distinct shapes of a model's matrices, and how often it has them. The head is not used for many rows.
Expected<std::vector<autotune::TuneTask>> tasks_of_model(const std::string& file,
                                                         const std::vector<autotune::Use>& uses);
std::vector<autotune::TuneTask> tasks_of_shapes(const std::vector<ir::Problem>& shapes,
                                                const std::vector<autotune::Use>& uses);

// Threads for measurements, each bound to a processor of its own where there are enough: a system that puts
// two on one for a moment halves what is measured.
Expected<std::unique_ptr<ThreadPool>> threads_to_measure_on(size_t threads);

}  // namespace tern::tools
