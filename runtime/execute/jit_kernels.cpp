#include "codegen/jit/jit.h"
#include "kernels/default_kernel.h"
#include "runtime/execute/kernel_source.h"

namespace tern::runtime {

Expected<KernelSource> jit_kernels(targets::Target target, std::optional<codegen::ObjectCache> cache,
                                   KernelChoice choose) {
  TERN_ASSIGN(codegen::Jit jit, codegen::Jit::make(target, std::move(cache)));
  if (!choose)
    choose = [target](const ir::Problem& problem) { return kernels::default_kernel(problem, target); };
  return KernelSource{std::move(target), std::move(choose),
                      [jit = jit](const ir::Kernel& kernel) { return jit.compile(kernel); },
                      [jit = jit](const ir::Program& preparation) { return jit.compile(preparation); }};
}

}  // namespace tern::runtime
