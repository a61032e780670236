#include "autotune/measure/peak.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/memory.h"
#include "kernels/tiling.h"

namespace tern::autotune {
namespace {

constexpr int chains = 12, tile_chains = 4, trips = 10000;

PeakProgram dot_peak(const targets::Target& target) {
  const int lanes = std::max(target.vector_bits / 32, 4);
  std::string text = fmt::format(
      "program @peak {{\n  input A: i8[1024] align 64\n  input B: u8[1024] align 64 values 0..2\n"
      "  output C: i32[1024] align 64\n  register sum: i32x{0}[{1}]\n  register a: i8x{2}\n"
      "  register b: u8x{2}\n  a = load A[0]\n  b = load B[0]\n",
      lanes, chains, 4 * lanes);
  for (int i = 0; i < chains; ++i) text += fmt::format("  sum[{}] = constant 0\n", i);
  text += fmt::format("  for i in 0..{} {{\n", trips);
  for (int i = 0; i < chains; ++i) text += fmt::format("    sum[{0}] = dot4 sum[{0}], b, a, 2\n", i);
  text += "  }\n";
  for (int i = 0; i < chains; ++i) text += fmt::format("  store C[{}], sum[{}]\n", i * lanes, i);
  return {"dot4", text + "}\n", 4.0 * lanes * chains * trips};
}

PeakProgram tile_peak() {
  std::string text = fmt::format(
      "program @peak {{\n  input A: i8[1024] align 64\n  output C: i32[1024] align 64\n"
      "  register sum: i32x256[{}]\n  register a: i8x1024\n  register b: i8x1024\n"
      "  a = tile_load A[0], 64\n  b = tile_load A[0], 64\n",
      tile_chains);
  for (int i = 0; i < tile_chains; ++i) text += fmt::format("  sum[{}] = constant 0\n", i);
  text += fmt::format("  for i in 0..{} {{\n", trips / 10);
  for (int i = 0; i < tile_chains; ++i) text += fmt::format("    sum[{0}] = tile_dot sum[{0}], a, b\n", i);
  text += "  }\n";
  for (int i = 0; i < tile_chains; ++i) text += fmt::format("  tile_store C[{}], sum[{}], 16\n", 256 * i, i);
  return {"tile_dot", text + "}\n", 16.0 * 64 * 16 * tile_chains * trips / 10};
}

// Seconds of one call, when each thread makes one: the shortest of several rounds, for what is wanted is what
// the CPU can do.
Expected<double> shortest_call(const codegen::CompiledKernel& program, ThreadPool& pool) {
  const std::vector<ir::Buffer>& buffers = program.program().buffers;
  std::vector<Memory> memory;
  for (size_t thread = 0; thread < pool.threads(); ++thread) {
    size_t bytes = 0;
    for (const ir::Buffer& buffer : buffers)
      bytes += static_cast<size_t>(buffer.size * size_in_bytes(buffer.element));
    TERN_ASSIGN(memory.emplace_back(), Memory::allocate(bytes, {.whole_huge_pages = true}));
  }
  constexpr int rounds = 200, calls = 20;
  double shortest = 1e18;
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    pool.run([&](int thread) {
      std::vector<void*> pointers;
      std::byte* next = memory[static_cast<size_t>(thread)].data();
      for (const ir::Buffer& buffer : buffers) {
        pointers.push_back(next);
        next += buffer.size * size_in_bytes(buffer.element);
      }
      for (int i = 0; i < calls; ++i) program(pointers, {});
    });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    shortest = std::min(shortest, taken.count() / calls);
  }
  return shortest;
}

}  // namespace

std::vector<PeakProgram> peak_programs(const targets::Target& target) {
  std::vector<PeakProgram> programs;
  // Where there is no one instruction, the products of two registers that do not change would be taken once.
  if (kernels::has_dot4(target, target.vector_bits)) programs.push_back(dot_peak(target));
  if (target.features.contains(targets::Feature::amx_int8)) programs.push_back(tile_peak());
  return programs;
}

Expected<double> measure_peak(const codegen::Jit& jit, ThreadPool& pool) {
  double best = 0;
  for (const PeakProgram& peak : peak_programs(jit.target())) {
    const Expected<ir::Program> program = ir::parse_program(peak.text);
    if (!program) return program.error();
    const Expected<codegen::CompiledKernel> compiled = jit.compile(*program);
    if (!compiled) return compiled.error();
    const Expected<double> seconds = shortest_call(*compiled, pool);
    if (!seconds) return seconds.error();
    best = std::max(best, peak.products * static_cast<double>(pool.threads()) / *seconds);
  }
  return best;
}

}  // namespace tern::autotune
