// Threads for tests of the tuner.
#pragma once

#include <functional>
#include <thread>

#include "autotune/measure/crew.h"

namespace tern::testing {

// The caller, and one that is made for each call.
inline autotune::Crew pair_of_threads() {
  return {2, [](const std::function<void(int)>& function) {
            std::thread other([&] { function(1); });
            function(0);
            other.join();
          }};
}

}  // namespace tern::testing
