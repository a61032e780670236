// What a search works with.
#pragma once

#include <functional>
#include <span>

#include "autotune/measure/kernel_timer.h"
#include "autotune/search/bucket.h"
#include "codegen/jit/jit.h"

namespace tern::autotune {

struct SearchTools {
  const targets::Target& target;
  ThreadPool& pool;
  const codegen::Jit& jit;
  CostModel& model;
  KernelTimer& timer;
  // The most that memory was seen to do. Kernels are chosen for that: where others take a share of it, all
  // that wait for memory wait alike, but who chose by that would regret it when they are gone.
  double& bytes_per_second;
  // Asked often: whether to end, for lack of time or because somebody wants it.
  std::function<bool()> stop;
  // Told after each race of the trials that it was about, so that nothing measured is lost.
  std::function<void(const Bucket& bucket, std::span<const size_t> trials)> measured;
};

}  // namespace tern::autotune
