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

// The two that exist are jit_kernels, below, and a bundle of kernels that were compiled ahead of time
// (runtime/execute/kernel_bundle.h).
struct KernelSource {
  targets::Target target;  // what the kernels are for, and what dispatched code may use
  KernelChoice choose;
  codegen::KernelProvider provide;               // of the chosen kernels
  codegen::ProgramProvider provide_preparation;  // of codegen::preparations of a chosen kernel
};

// Kernels compiled on demand for a target that this machine can run, and kept in the cache if there is one.
// Without a choice they are the defaults for the target. A program that calls this needs LLVM.
Expected<KernelSource> jit_kernels(targets::Target target, std::optional<codegen::ObjectCache> cache,
                                   KernelChoice choose = {});

}  // namespace tern::runtime
