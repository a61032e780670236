// A candidate as it runs: its compiled kernel and, of strategy lookup, what builds the tables that it reads.
#pragma once

#include <optional>

#include "base/expected.h"
#include "codegen/jit/compiled_kernel.h"
#include "codegen/jit/jit.h"
#include "ir/kernel/kernel.h"

namespace tern::autotune {

struct Code {
  codegen::CompiledKernel kernel;
  std::optional<codegen::CompiledKernel> tables;
};

// Fails as Jit::compile does. May be called by several threads.
Expected<Code> compile_code(const codegen::Jit& jit, const ir::Kernel& kernel);

// Seconds that the look-up tables of all rows take, where so many threads build one row after another, as a
// model does it; 0 without tables, or without the memory for them.
double time_tables(const Code& code, int threads);

}  // namespace tern::autotune
