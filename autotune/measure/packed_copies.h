// Weights in the layouts that kernels want, as many copies as there is room for.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "autotune/measure/check_case.h"
#include "base/memory.h"
#include "base/thread_pool.h"

namespace tern::autotune {

// Kernels whose layouts put the same bytes into the same order (their in_fewest_factors are equal) share a
// copy. Copies are read-only.
class PackedCopies {
 public:
  // Makes room for new copies by dropping the copies that were not needed for the longest time, so that all
  // together have `max_bytes`. The weights must outlive this.
  PackedCopies(const CheckCase& weights, size_t max_bytes) : weights_(weights), max_bytes_(max_bytes) {}

  // Packs, by the threads of the pool, the missing copies for the first c of these kernels, and returns c:
  // the largest number whose copies fit into max_bytes together, and at least 1.
  size_t pack(std::span<const ir::Kernel* const> kernels, ThreadPool& pool);

  struct Copy {
    Memory weights, scales;  // no scales if the kernel wants none
    std::string problem;     // why it could not be made
    size_t bytes = 0;        // that hold weights
    size_t turn = 0;         // in which it was needed last
  };
  // The kernel's, if it is here: after pack() was called for it, until it is called for others.
  const Copy* find(const ir::Kernel& kernel) const;

  // That all copies have.
  size_t bytes() const;

 private:
  static std::string key(const ir::Kernel& kernel);
  size_t bytes_for(const ir::Kernel& kernel) const;
  void drop_oldest();
  void make(const ir::Kernel& kernel, Copy& copy) const;

  const CheckCase& weights_;
  size_t max_bytes_;
  std::map<std::string, Copy> copies_;
  size_t turn_ = 0;
};

}  // namespace tern::autotune
