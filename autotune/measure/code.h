// A candidate as it runs: its compiled kernel and the preparations that run before it.
#pragma once

#include <vector>

#include "base/expected.h"
#include "codegen/jit/compiled_kernel.h"
#include "codegen/jit/jit.h"
#include "ir/kernel/kernel.h"

namespace tern::autotune {

struct Code {
  codegen::CompiledKernel kernel;
  std::vector<codegen::CompiledKernel> preparations;  // see codegen::preparations
};

// Fails as Jit::compile does. May be called by several threads.
Expected<Code> compile_code(const codegen::Jit& jit, const ir::Kernel& kernel);

// Seconds that the preparations of all rows take, where each of `threads` threads prepares one row after
// another, as a model does it; 0 without preparations, or without the memory for them.
double time_preparations(const Code& code, int threads);

}  // namespace tern::autotune
