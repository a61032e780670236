#include "autotune/measure/code.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/memory.h"
#include "base/statistics.h"
#include "ir/program/interpret.h"

namespace tern::autotune {

Expected<Code> compile_code(const codegen::Jit& jit, const ir::Kernel& kernel) {
  Expected<codegen::CompiledKernel> compiled = jit.compile(kernel);
  if (!compiled) return compiled.error();
  if (kernel.compute.strategy != ir::Strategy::lookup) return Code{compiled.take(), std::nullopt};
  Expected<codegen::CompiledKernel> tables = jit.compile_tables(kernel);
  if (!tables) return tables.error();
  return Code{compiled.take(), tables.take()};
}

double time_tables(const Code& code, int threads) {
  if (!code.tables) return 0;
  const codegen::CompiledKernel& tables = *code.tables;
  std::vector<Memory> memory;
  std::vector<void*> pointers;
  for (const ir::Buffer& buffer : tables.program().buffers) {
    const auto bytes = static_cast<size_t>(buffer.size * size_in_bytes(buffer.element));
    Expected<Memory> block = Memory::allocate(bytes + 4096, {.whole_huge_pages = true});
    if (!block) return 0;
    memory.push_back(block.take());
    pointers.push_back(memory.back().data());
  }
  const std::vector<ir::Range> ranges = full_ranges(tables.program());
  std::vector<double> seconds;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    tables(pointers, ranges);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const int64_t rows = ranges.empty() ? 1 : ranges[0].end;
  return median(seconds) / static_cast<double>(std::min<int64_t>(threads, rows));
}

}  // namespace tern::autotune
