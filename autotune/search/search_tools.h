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
  // Of memory, the largest bandwidth that was seen in the session. Kernels are chosen for it: while other
  // programs take a share of the bandwidth, all kernels that are bound by memory are slower alike, and a
  // choice made for the rest would be wrong as soon as these programs end.
  double& bytes_per_second;
  // Asked often: whether to end, since time is up or the caller wants it.
  std::function<bool()> stop;
  // Called after each race with the indices of the evaluations that took part, so that they can be kept.
  std::function<void(const Bucket& bucket, std::span<const size_t> evaluations)> measured;
};

}  // namespace tern::autotune
