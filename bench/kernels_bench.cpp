// Matrix products of the shapes of BitNet b1.58 2B4T on one thread, with the kernel of every recipe that is
// legal on this machine, or on a target that it can run: weights in cache (one matrix again and again) and
// from memory (many copies in turn). Names are recipe[/group]/m/n/k/place: with a group, weights have an f16
// scale for that many inputs, and are i2 where a plus says so; `peak` is what the instruction of the products
// does on registers alone, in the same units.
//
//   build/release/bench/kernels_bench --benchmark_filter='m1/.*n2560/k2560/cache'
//   build/release/bench/kernels_bench --target=x86-64-v3 --benchmark_filter='dot.*m1/'
//   build/release/bench/kernels_bench --prefetch=8192 --benchmark_filter='m1/.*memory'
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "autotune/measure/peak.h"
#include "base/memory.h"
#include "codegen/jit/jit.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "targets/host.h"
#include "targets/legal.h"

namespace {

using namespace tern;

// Instead of the recipes' own distance.
std::optional<int64_t> prefetch_bytes;

// Memory that is full of `value`.
Memory allocate(size_t size, int value) {
  Memory memory = Memory::allocate(size, {.whole_huge_pages = true}).take();
  std::memset(memory.data(), value, size);
  return memory;
}

size_t bytes_of(const ir::Buffer& buffer) {
  return static_cast<size_t>(buffer.bytes());
}

bool is_packed(const ir::Buffer& buffer) {
  return buffer.role == ir::BufferRole::weights || buffer.role == ir::BufferRole::group_scales;
}

// The buffers of a call, with `copies` of the weights and of their scales per group.
struct Call {
  std::vector<Memory> memory;
  std::vector<void*> pointers;

  Call(const ir::Program& program, size_t copies) {
    for (const ir::Buffer& buffer : parameters(program)) {
      const size_t size = bytes_of(buffer) * (is_packed(buffer) ? copies : 1) + 4096;
      // Any bytes are weights, unless the program promises a range for their values.
      memory.push_back(allocate(size, buffer.has_promise() ? 0 : 0x55));
      pointers.push_back(memory.back().data());
    }
  }
};

void run(benchmark::State& state, const codegen::Jit& jit, const ir::Kernel& kernel, bool from_memory) {
  const Expected<codegen::CompiledKernel> compiled = jit.compile(kernel);
  if (!compiled) return state.SkipWithError(compiled.error().text().c_str());
  const ir::Program& program = compiled->program();
  std::vector<size_t> packed;
  size_t weight_bytes = 0;
  for (size_t i = 0; i < parameters(program).size(); ++i) {
    if (!is_packed(program.buffers[i])) continue;
    packed.push_back(i);
    weight_bytes += bytes_of(program.buffers[i]);
  }
  const size_t copies = from_memory ? (size_t{1} << 29) / weight_bytes + 1 : 1;
  Call call(program, copies);
  const std::vector<void*> first = call.pointers;
  size_t copy = 0;
  const std::vector<ir::Range> ranges = full_ranges(program);
  for (auto _ : state) {
    for (const size_t i : packed)
      call.pointers[i] = static_cast<std::byte*>(first[i]) + copy * bytes_of(program.buffers[i]);
    (*compiled)(call.pointers, ranges);
    copy = copy + 1 == copies ? 0 : copy + 1;
  }
  const ir::Problem& problem = kernel.problem;
  const double weight_count = static_cast<double>(problem.m) * problem.n * problem.k;
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["weights/s"] = benchmark::Counter(weight_count, rate);
  state.counters["bytes/s"] = benchmark::Counter(static_cast<double>(weight_bytes), rate);
}

// What a preparation of one row costs: it runs once for all matrices that read the row.
void run_preparation(benchmark::State& state, const codegen::Jit& jit, const ir::Program& preparation) {
  const Expected<codegen::CompiledKernel> compiled = jit.compile(preparation);
  if (!compiled) return state.SkipWithError(compiled.error().text().c_str());
  Call call(compiled->program(), 1);
  const std::vector<ir::Range> ranges = full_ranges(compiled->program());
  for (auto _ : state) (*compiled)(call.pointers, ranges);
}

void run_peak(benchmark::State& state, const codegen::Jit& jit, const autotune::PeakProgram& peak) {
  const Expected<ir::Program> program = ir::parse_program(peak.text);
  if (!program) return state.SkipWithError(program.error().text().c_str());
  const Expected<codegen::CompiledKernel> compiled = jit.compile(*program);
  if (!compiled) return state.SkipWithError(compiled.error().text().c_str());
  Call call(*program, 1);
  for (auto _ : state) (*compiled)(call.pointers, {});
  state.counters["weights/s"] =
      benchmark::Counter(peak.products, benchmark::Counter::kIsIterationInvariantRate);
}

ir::Problem problem_of(ir::Element weight, int64_t m, int64_t n, int64_t k) {
  return ir::matmul(m, n, k, ir::weights_of(weight));
}

std::string dashed(std::string text) {
  for (char& c : text) c = c == ' ' ? '-' : c;
  return text;
}

void add(const codegen::Jit& jit, const kernels::Recipe& recipe, const ir::Problem& problem) {
  ir::Kernel kernel = kernels::make_kernel(recipe, problem, jit.target());
  if (prefetch_bytes) kernel.schedule.prefetch_bytes = *prefetch_bytes;
  if (!ir::verify(kernel).empty() || !targets::legality_errors(kernel, jit.target()).empty()) return;
  for (const bool from_memory : {false, true}) {
    // Rows share weights that are read once: where they are matters for one token.
    if (from_memory && problem.m > 1) continue;
    std::string kind = dashed(print(recipe));
    if (problem.is_quantized() && problem.w.group > 0)
      kind += fmt::format("/g{}{}", problem.w.group, problem.w.element == ir::Element::i2 ? "+" : "");
    const std::string name = fmt::format("{}/m{}/n{}/k{}/{}", kind, problem.m, problem.n, problem.k,
                                         from_memory ? "memory" : "cache");
    benchmark::RegisterBenchmark(name.c_str(), [&jit, kernel, from_memory](benchmark::State& state) {
      run(state, jit, kernel, from_memory);
    });
  }
  if (problem.n != 2560 || problem.m != 1) return;
  for (const ir::Program& preparation : codegen::preparations(kernel))
    benchmark::RegisterBenchmark(
        fmt::format("{}/preparation/m{}/k{}", dashed(print(recipe)), problem.m, problem.k).c_str(),
        [&jit, preparation](benchmark::State& state) { run_preparation(state, jit, preparation); });
}

void add_all(const codegen::Jit& jit) {
  using ir::Element;
  for (const autotune::PeakProgram& peak : autotune::peak_programs(jit.target()))
    benchmark::RegisterBenchmark(("peak/" + peak.name).c_str(),
                                 [&jit, peak](benchmark::State& state) { run_peak(state, jit, peak); });
  const std::pair<int64_t, int64_t> shapes[] = {{2560, 2560}, {640, 2560}, {6912, 2560}, {2560, 6912}};
  for (const Element weight : {Element::trit, Element::sign}) {
    for (const kernels::Recipe& recipe : kernels::recipes(weight)) {
      for (const int64_t m : {1, 4, 16, 256, 512}) {
        for (const auto& [n, k] : shapes) add(jit, recipe, problem_of(weight, m, n, k));
      }
    }
  }
  for (const Element weight : {Element::trit, Element::i2}) {
    for (const int64_t group : {32, 64, 128}) {
      for (const int64_t m : {1, 4, 16, 256}) {
        for (const auto& [n, k] : shapes) {
          const ir::Problem problem =
              ir::matmul(m, n, k, {weight, ir::Scaling::group, group, ir::Element::f16});
          for (const kernels::Recipe& recipe : kernels::recipes(problem)) add(jit, recipe, problem);
        }
      }
    }
  }
  // The output head, whole from memory, a part of it in cache.
  for (const Element weight : {Element::i4, Element::i8, Element::f16, Element::bf16, Element::f32}) {
    for (const kernels::Recipe& recipe : kernels::recipes(weight)) {
      for (const int64_t n : {256, 128256}) add(jit, recipe, problem_of(weight, 1, n, 2560));
    }
  }
}

// Removes a flag "--name=" with its value from the arguments.
std::optional<std::string> remove_flag(std::string_view flag, int& argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).substr(0, flag.size()) != flag) continue;
    const std::string value = argv[i] + flag.size();
    std::copy(argv + i + 1, argv + argc, argv + i);
    --argc;
    return value;
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  const Expected<targets::Target> target =
      targets::find_runnable_target(remove_flag("--target=", argc, argv).value_or("host"));
  if (const auto bytes = remove_flag("--prefetch=", argc, argv)) prefetch_bytes = std::atoll(bytes->c_str());
  if (!target) return std::cerr << "kernels_bench: " << target.error().text() << "\n", 1;
  const Expected<codegen::Jit> jit = codegen::Jit::make(*target, std::nullopt);
  if (!jit) return std::cerr << "kernels_bench: " << jit.error().text() << "\n", 1;
  add_all(*jit);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
