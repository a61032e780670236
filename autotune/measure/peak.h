// The most products of weights and activations that a CPU does: its instruction for them, on registers alone.
#pragma once

#include <string>
#include <vector>

#include "base/expected.h"
#include "base/thread_pool.h"
#include "codegen/jit/jit.h"

namespace tern::autotune {

// Independent chains of one instruction, as a program without ranges.
struct PeakProgram {
  std::string name, text;
  double products = 0;  // of one call
};

// One for each instruction for products that a target has: none where a product takes several instructions.
std::vector<PeakProgram> peak_programs(const targets::Target& target);

// Products a second of all threads together, by the best of these programs; 0 if there is none. Takes some
// hundredths of a second.
Expected<double> measure_peak(const codegen::Jit& jit, ThreadPool& pool);

}  // namespace tern::autotune
