// From a Program to text or machine code for any target that LLVM knows, on any host.
#pragma once

#include <string>

#include "base/expected.h"
#include "ir/program/program.h"
#include "targets/target.h"

namespace tern::codegen {

enum class Output : uint8_t {
  llvm_ir,            // as emitted
  optimized_llvm_ir,  // after the passes
  assembly,
  object,  // an ELF (or the target's own) object file
};

// The generated text or bytes. The function is `void name(void* const* buffers, const int64_t* ranges)`: one
// pointer a buffer in the program's order, then begin and end of each parallel loop.
// Preconditions: ir::verify(program) found nothing, no loop of kind `unroll` is left, and the target is legal
// for it. Fails if LLVM cannot make code for the target.
Expected<std::string> compile(const ir::Program& program, const targets::Target& target, Output output);

// LLVM's version, part of every key under which generated code is stored.
std::string llvm_version();

// Raise it whenever the code generated for the same kernel changes, or a default kernel, which measurements
// are compared with: what is stored of older code, objects and measurements, is not used any more.
inline constexpr int generator_version = 4;

}  // namespace tern::codegen
