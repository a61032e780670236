// Calling kernels as a model calls them: by all threads, with weights that come from memory; or with weights
// that each core has in its cache, so that instructions alone are timed, which no other program on the
// machine disturbs.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/expected.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "codegen/jit/compiled_kernel.h"
#include "targets/target.h"

namespace tern::autotune {

// The range of each parallel loop for one of several threads: the outputs are shared out, rows are not.
std::vector<ir::Range> share_of(const codegen::CompiledKernel& kernel, int thread, int threads);

// Where the weights are that a call reads.
enum class Weights : uint8_t { memory, cache };

// A part of a call whose weights stay in the core's own cache.
struct Slice {
  std::vector<std::vector<ir::Range>> ranges;  // by thread
  double share = 1;                            // of the largest thread's part of a whole call
};
// The largest number of blocks of outputs whose weights take at most `bytes` on each thread, and at least
// one.
Slice slice_of(const codegen::CompiledKernel& kernel, int threads, size_t bytes);

// Bytes of a matrix as a program reads it: its packed weights and their scales per group.
size_t packed_bytes(const ir::Program& program);

// Weights of this many bytes, read in turn, come from memory: 4 times the largest cache, and at least 256
// MiB.
size_t bytes_from_memory(const targets::Target& target);
// Weights of this many bytes stay in each core's own cache: a quarter of its second level.
size_t bytes_from_cache(const targets::Target& target);

// A kernel that is ready to be timed.
struct TimedKernel {
  codegen::CompiledKernel kernel;
  Slice slice;          // for Weights::cache
  int slice_calls = 1;  // of a sample, which is long beside the errors of clocks and barriers
  int calls = 0;        // the same of whole calls, for Weights::memory; 0 before prepare_for_memory
};

class KernelTimer {
 public:
  // Weights from memory (and their scales per group) are read from copies of the matrix in turn, whose
  // weights have `memory_bytes` together, see bytes_from_memory; those from cache are `cache_bytes` for each
  // thread, see bytes_from_cache.
  KernelTimer(ThreadPool& pool, size_t memory_bytes, size_t cache_bytes);

  // Makes room for a kernel's buffers, and finds how many calls make a sample. Fails where there is not
  // enough memory. The kernel must be right: it is called.
  Expected<TimedKernel> prepare(const codegen::CompiledKernel& kernel);
  // The same for weights from memory, if it was not done before.
  void prepare_for_memory(TimedKernel& kernel);

  // Seconds of one call of each, timed in turn. From cache: those of a slice, scaled to a whole call.
  std::vector<double> round(std::span<const TimedKernel* const> kernels, Weights from, uint64_t seed);

  int threads() const { return static_cast<int>(pool_.threads()); }

 private:
  Status reserve(const ir::Program& program);
  Memory& memory_of(const ir::Buffer& buffer);
  ir::Arguments arguments_of(const ir::Program& program);
  void call(const codegen::CompiledKernel& kernel, int calls);
  void call_slice(const TimedKernel& kernel, int calls);

  ThreadPool& pool_;
  const size_t memory_bytes_, cache_bytes_;
  Memory any_weights_, zero_weights_;  // of bytes 0x55, and where a promise forbids these, of zeros
  std::array<Memory, ir::buffer_roles.size()> others_;  // the other buffers, by role
  size_t next_ = 0;                                     // where in the weights the next call reads
};

}  // namespace tern::autotune
