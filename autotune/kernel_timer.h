// Calling kernels as a model calls them: by all threads, with weights that come from memory.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "autotune/crew.h"
#include "autotune/pages.h"
#include "codegen/compiled_kernel.h"
#include "ir/expected.h"

namespace tern::autotune {

// The range of each parallel loop for one of several threads: the outputs are shared out, rows are not.
std::vector<ir::Range> share_of(const codegen::CompiledKernel& kernel, int thread, int threads);

// A kernel that is ready to be timed.
struct TimedKernel {
  codegen::CompiledKernel kernel;
  int calls = 1;       // that make a sample: so many that the errors of clocks and barriers do not show
  double seconds = 0;  // of one call, roughly
};

class KernelTimer {
 public:
  // Weights are read from so many bytes in turn: more than the caches hold.
  KernelTimer(const Crew& crew, size_t bytes_of_weights);

  // Makes room for a kernel's buffers, and finds how many calls make a sample. Fails where there is not
  // enough memory. The kernel must be right: it is called.
  Expected<TimedKernel> prepare(const codegen::CompiledKernel& kernel);

  // Seconds of one call of each, timed in turn.
  std::vector<double> round(std::span<const TimedKernel* const> kernels, uint64_t seed);

  int threads() const { return crew_.threads; }

 private:
  Status reserve(const ir::Program& program);
  void call(const codegen::CompiledKernel& kernel, int calls);

  const Crew& crew_;
  const size_t bytes_of_weights_;
  Pages ones_, zeros_;                  // weights: any bytes; and those that no promise forbids
  std::map<std::string, Pages> other_;  // the other buffers, by name
  size_t next_ = 0;                     // where in the weights the next call reads
};

}  // namespace tern::autotune
