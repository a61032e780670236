// A kernel's machine code, wherever it came from: made by the JIT a moment ago, or linked into the program.
// Nothing here needs LLVM.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "base/expected.h"
#include "ir/kernel/kernel.h"
#include "ir/program/interpret.h"
#include "ir/program/program.h"

namespace tern::codegen {

// Callable by several threads at once. The code lives as long as any copy of this.
class CompiledKernel {
 public:
  // One pointer for each of the program's buffers, then begin and end of each parallel loop.
  using Function = void (*)(void* const* buffers, const ir::Range* ranges);

  CompiledKernel() = default;  // no kernel yet: only to be assigned to

  // `kernel` is null for a program that was not lowered from one; `code` frees the machine code, and is null
  // for code that is always there.
  CompiledKernel(Function function, std::shared_ptr<const ir::Kernel> kernel,
                 std::shared_ptr<const ir::Program> program, std::shared_ptr<void> code)
      : function_(function),
        kernel_(std::move(kernel)),
        program_(std::move(program)),
        code_(std::move(code)) {}

  // Runs the kernel on `buffers`, one for each of program().buffers, with one range for each parallel loop.
  void operator()(std::span<void* const> buffers, std::span<const ir::Range> ranges) const {
    function_(buffers.data(), ranges.data());
  }

  // Its buffers and loops.
  const ir::Program& program() const { return *program_; }
  // Precondition: it was made from a kernel.
  const ir::Kernel& kernel() const { return *kernel_; }

 private:
  Function function_ = nullptr;
  std::shared_ptr<const ir::Kernel> kernel_;
  std::shared_ptr<const ir::Program> program_;
  std::shared_ptr<void> code_;
};

// Gives the machine code of a kernel, or of one of its preparations: a JIT compiles it, a bundle looks it up.
// May be called by several threads at once.
using KernelProvider = std::function<Expected<CompiledKernel>(const ir::Kernel& kernel)>;
using ProgramProvider = std::function<Expected<CompiledKernel>(const ir::Program& program)>;

}  // namespace tern::codegen
