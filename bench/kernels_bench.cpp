// Matrix products of the shapes of BitNet b1.58 2B4T with the default kernels of this machine: weights in
// cache (one matrix again and again) and from memory (many copies in turn), on one thread.
//
//   build/release/bench/kernels_bench --benchmark_filter=memory
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <vector>

#include "autotune/default_kernel.h"
#include "codegen/jit.h"
#include "ir/layout.h"
#include "targets/host.h"

namespace {

using namespace tern;

struct Unmap {
  size_t size;
  void operator()(void* start) const { munmap(start, size); }
};
using Memory = std::unique_ptr<void, Unmap>;

// Zeroed memory on huge pages where the system grants them.
Memory allocate(size_t size) {
  void* start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(start, size, MADV_HUGEPAGE);
  std::memset(start, 0x55, size);
  return Memory(start, Unmap{size});
}

const codegen::Jit& jit() {
  static const codegen::Jit instance =
      codegen::Jit::make(targets::detect_host()->target, std::nullopt).take();
  return instance;
}

void run(benchmark::State& state, ir::Problem problem, bool from_memory) {
  const ir::Kernel kernel = autotune::default_kernel(problem, jit().target());
  const Expected<codegen::CompiledKernel> compiled = jit().compile(kernel);
  if (!compiled) return state.SkipWithError(compiled.error().text().c_str());
  const ir::Program& program = compiled->program();
  std::vector<Memory> memory;
  std::vector<void*> pointers;
  const auto bytes_of = [](const ir::Buffer& buffer) {
    return static_cast<size_t>(buffer.size * size_in_bytes(buffer.element));
  };
  const size_t weight_bytes = bytes_of(program.buffers[0]);
  const size_t copies = from_memory ? (size_t{1} << 29) / weight_bytes + 1 : 1;
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    memory.push_back(allocate(bytes_of(program.buffers[i]) * (i == 0 ? copies : 1) + 4096));
    pointers.push_back(memory.back().get());
  }
  std::byte* weights = static_cast<std::byte*>(pointers[0]);
  size_t copy = 0;
  const std::vector<ir::Range> ranges = full_ranges(program);
  for (auto _ : state) {
    pointers[0] = weights + copy * weight_bytes;
    (*compiled)(pointers, ranges);
    copy = copy + 1 == copies ? 0 : copy + 1;
  }
  const double weight_count = static_cast<double>(problem.m) * problem.n * problem.k;
  state.counters["weights/s"] =
      benchmark::Counter(weight_count, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bytes/s"] =
      benchmark::Counter(static_cast<double>(weight_bytes), benchmark::Counter::kIsIterationInvariantRate);
}

void add(const std::string& kind, ir::Problem problem, bool from_memory) {
  const std::string name = fmt::format("{}/m{}/n{}/k{}/{}", kind, problem.m, problem.n, problem.k,
                                       from_memory ? "memory" : "cache");
  benchmark::RegisterBenchmark(name.c_str(),
                               [=](benchmark::State& state) { run(state, problem, from_memory); });
}

}  // namespace

int main(int argc, char** argv) {
  using ir::Element, ir::Scaling;
  const std::pair<int64_t, int64_t> shapes[] = {{2560, 2560}, {640, 2560}, {6912, 2560}, {2560, 6912}};
  for (int64_t m : {1, 4, 64}) {
    for (const auto& [n, k] : shapes) {
      for (bool from_memory : {false, true})
        add("b2", {m, n, k, Element::trit, Scaling::tensor, 0}, from_memory);
    }
  }
  for (const auto& [name, weight, scaling, group] :
       {std::tuple{"f16", Element::f16, Scaling::none, 0}, {"i8", Element::i8, Scaling::group, 16}}) {
    for (bool from_memory : {false, true})
      add(name, {1, from_memory ? 128256 : 256, 2560, weight, scaling, group}, from_memory);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
