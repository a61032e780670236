// Kernels compiled for and run on this machine.
#pragma once

#include <memory>
#include <optional>

#include "codegen/jit/compiled_kernel.h"
#include "codegen/jit/object_cache.h"
#include "ir/kernel/kernel.h"
#include "ir/program/program.h"
#include "targets/target.h"

namespace tern::codegen {

// Compiles for one target, which this machine must be able to run.
class Jit {
 public:
  // Without a cache every kernel is compiled anew. Fails for another architecture than this machine's.
  static Expected<Jit> make(targets::Target target, std::optional<ObjectCache> cache);

  // Verifies, lowers, proves and compiles. Fails with the reasons if the kernel is wrong or not legal on the
  // target. May be called by several threads.
  Expected<CompiledKernel> compile(const ir::Kernel& kernel) const;

  // The same for a program that has no loops to unroll: one of a kernel's preparations, or one that no kernel
  // was lowered to.
  Expected<CompiledKernel> compile(const ir::Program& program) const;

  const targets::Target& target() const;

 private:
  struct State;
  Status check(const ir::Kernel& kernel) const;
  Expected<CompiledKernel> load(const ir::Program& program, std::shared_ptr<const ir::Kernel> kernel) const;
  std::shared_ptr<State> state_;
};

}  // namespace tern::codegen
