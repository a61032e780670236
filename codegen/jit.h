// Kernels compiled for and run on this machine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "codegen/object_cache.h"
#include "ir/interpret.h"
#include "ir/kernel.h"
#include "ir/program.h"
#include "targets/target.h"

namespace tern::codegen {

// A kernel's machine code, callable by several threads at once. The code lives as long as any copy of this.
class CompiledKernel {
 public:
  // Runs the kernel on `buffers`, one for each of program().buffers, with one range for each parallel loop.
  void operator()(std::span<void* const> buffers, std::span<const ir::Range> ranges) const {
    function_(buffers.data(), ranges.data());
  }

  // Its buffers and loops.
  const ir::Program& program() const { return *program_; }
  const ir::Kernel& kernel() const { return *kernel_; }

 private:
  friend class Jit;
  using Function = void (*)(void* const* buffers, const ir::Range* ranges);
  Function function_ = nullptr;
  std::shared_ptr<const ir::Kernel> kernel_;
  std::shared_ptr<const ir::Program> program_;
  std::shared_ptr<void> code_;  // frees the machine code
};

// Compiles for one target, which this machine must be able to run.
class Jit {
 public:
  // Without a cache every kernel is compiled anew. Fails for another architecture than this machine's.
  static Expected<Jit> make(targets::Target target, std::optional<ObjectCache> cache);

  // Verifies, lowers, proves and compiles. Fails with the reasons if the kernel is wrong or not legal on the
  // target. May be called by several threads.
  Expected<CompiledKernel> compile(const ir::Kernel& kernel) const;

  // The same for a program that was not lowered from a kernel, without loops to unroll; for tests of single
  // operations.
  Expected<CompiledKernel> compile(const ir::Program& program) const;

  const targets::Target& target() const;

 private:
  struct State;
  Expected<CompiledKernel> load(const ir::Program& program) const;
  std::shared_ptr<State> state_;
};

}  // namespace tern::codegen
