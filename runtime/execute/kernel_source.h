// Where a model's kernels come from.
#pragma once

#include <functional>
#include <optional>

#include "base/expected.h"
#include "codegen/jit/compiled_kernel.h"
#include "codegen/jit/object_cache.h"
#include "ir/kernel/problem.h"
#include "targets/target.h"

namespace tern::runtime {

// Chooses the kernel for a problem. All kernels of one matrix must have the same layouts, whatever m is.
using KernelChoice = std::function<Expected<ir::Kernel>(const ir::Problem& problem)>;

// Either of: jit_kernels, below; kernels compiled ahead of time (runtime/execute/kernel_bundle.h).
struct KernelSource {
  targets::Target target;  // what the kernels are for; limits the runtime's own vector code too
  KernelChoice choose;
  codegen::KernelProvider provide;               // compiles a kernel that `choose` gave
  codegen::ProgramProvider provide_preparation;  // compiles one of its codegen::preparations
};

// Kernels compiled on demand for a target that this machine can run, and kept in `cache` if that is there. An
// empty `choose` stands for kernels::default_kernel of the target. A program that calls this needs LLVM.
Expected<KernelSource> jit_kernels(targets::Target target, std::optional<codegen::ObjectCache> cache,
                                   KernelChoice choose = {});

}  // namespace tern::runtime
