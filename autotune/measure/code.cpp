#include "autotune/measure/code.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/memory.h"
#include "base/statistics.h"
#include "codegen/lower/lower.h"
#include "ir/program/interpret.h"

namespace tern::autotune {
namespace {

double time_preparation(const codegen::CompiledKernel& preparation, int threads) {
  std::vector<Memory> memory;
  for (const ir::Buffer& buffer : parameters(preparation.program())) {
    Expected<Memory> block =
        Memory::allocate(static_cast<size_t>(buffer.bytes()) + 4096, {.whole_huge_pages = true});
    if (!block) return 0;
    memory.push_back(block.take());
  }
  size_t next = 0;
  const ir::Arguments arguments(preparation.program(),
                                [&](const ir::Buffer&) { return memory[next++].data(); });
  const std::vector<ir::Range> ranges = full_ranges(preparation.program());
  std::vector<double> seconds;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    preparation(arguments, ranges);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const int64_t rows = ranges.empty() ? 1 : ranges[0].end;
  return median(seconds) / static_cast<double>(std::min<int64_t>(threads, rows));
}

}  // namespace

Expected<Code> compile_code(const codegen::Jit& jit, const ir::Kernel& kernel) {
  Expected<codegen::CompiledKernel> compiled = jit.compile(kernel);
  if (!compiled) return compiled.error();
  Code code{compiled.take(), {}};
  for (const ir::Program& preparation : codegen::preparations(kernel)) {
    Expected<codegen::CompiledKernel> also = jit.compile(preparation);
    if (!also) return also.error();
    code.preparations.push_back(also.take());
  }
  return code;
}

double time_preparations(const Code& code, int threads) {
  double seconds = 0;
  for (const codegen::CompiledKernel& preparation : code.preparations)
    seconds += time_preparation(preparation, threads);
  return seconds;
}

}  // namespace tern::autotune
