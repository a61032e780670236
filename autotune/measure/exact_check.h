// Right before fast: whether a compiled kernel leaves exactly the bits that the reference defines.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autotune/measure/code.h"
#include "base/thread_pool.h"
#include "ir/kernel/problem.h"

namespace tern::autotune {

// Checks kernels for the same weights, and any number of rows, by random numbers. Of very many outputs the
// first and the last are computed and compared, for all rows. Not to be used by several threads at once.
class ExactCheck {
 public:
  static constexpr size_t max_packed_bytes = size_t{256} << 20;

  // The problem's m does not matter. The threads are used while kernels are checked, no sooner.
  // Weights stay packed, for the next kernels of the same layout, as long as they fit into `packed_bytes`;
  // the layouts that were needed last take precedence.
  ExactCheck(const ir::Problem& problem, ThreadPool& pool, size_t packed_bytes = max_packed_bytes);
  ~ExactCheck();

  // Runs them in child processes, one for each thread of the pool at a time, so that one that crashes or
  // never ends takes nothing with it: see call_guarded. An empty text for one that is right, else what is
  // wrong: "C[0,17] is 1.5 and should be 2", "crashed: Illegal instruction". What the child has of this
  // process cannot be written: a kernel that would crashes.
  std::vector<std::string> check_guarded(std::span<const Code> codes);

  // The same of one, in this process.
  std::string check(const Code& code);

  // Bytes of weights that are kept packed.
  size_t packed_bytes() const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace tern::autotune
