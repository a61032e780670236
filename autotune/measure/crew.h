// The threads that measurements run on. They belong to whoever calls the tuner, which only lends them out:
// the same that run a model, so that what is measured is what will be used.
#pragma once

#include <functional>

namespace tern::autotune {

struct Crew {
  int threads = 1;
  // Calls the function on every thread at once, with 0 to threads - 1, and returns when all are done.
  std::function<void(const std::function<void(int thread)>&)> run;
};

// The calling thread alone.
inline Crew crew_of_one() {
  return {1, [](const std::function<void(int)>& function) { function(0); }};
}

}  // namespace tern::autotune
