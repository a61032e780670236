// What a verifier of kernels finds.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/kernel/kernel.h"

namespace tern::ir {

struct Findings {
  const Kernel& kernel;
  const KernelLocations& locations;
  std::vector<Error> errors;

  void report(const Location& where, std::string message) { errors.push_back({std::move(message), where}); }
};

}  // namespace tern::ir
