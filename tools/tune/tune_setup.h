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

// Threads, as the tuner borrows them.
class PoolCrew {
 public:
  static Expected<std::unique_ptr<PoolCrew>> make(size_t threads);
  const autotune::Crew& crew() const { return crew_; }
  ThreadPool& pool() { return *pool_; }

 private:
  explicit PoolCrew(std::unique_ptr<ThreadPool> pool);
  std::unique_ptr<ThreadPool> pool_;
  autotune::Crew crew_;
};

}  // namespace tern::tools
