#include "autotune/measure/kernel_timer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "autotune/measure/rounds.h"
#include "ir/program/interpret.h"

namespace tern::autotune {
namespace {

// A kernel takes the same time for any bytes of weights; but floats must not be tiny (denormal), which CPUs
// handle slowly. 0x55 is a number of ordinary size in every type, and a code in most packings.
constexpr int any_weights = 0x55, any_value = 0x3f;

// Samples are long beside the resolution of clocks; from memory, also beside the time that prefetchers take
// to begin.
constexpr double sample_seconds = 0.002, slice_sample_seconds = 0.0004;

// What lies behind weights: kernels prefetch past the end, and threads start at lines of their own.
constexpr size_t spare_bytes = 65536;

template <class Body>
double seconds_of(Body body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// How many calls take about `sample` seconds.
template <class Body>
int calls_for(double sample, Body body) {
  body(1);
  for (int calls = 1;; calls *= 4) {
    const double seconds = seconds_of([&] { body(calls); });
    if (seconds >= sample / 4) return std::max(1, static_cast<int>(std::lround(sample / seconds * calls)));
  }
}

size_t bytes_of(const ir::Buffer& buffer) {
  return static_cast<size_t>(buffer.bytes());
}

// Of the parameters, the matrix itself: its weights and their scales per group, which a model reads from
// memory. All other buffers are small, and shared by the calls for several matrices.
bool is_packed(const ir::Buffer& buffer) {
  return buffer.role == ir::BufferRole::weights || buffer.role == ir::BufferRole::group_scales;
}

// From one matrix to the next in memory.
size_t stride_of(const ir::Buffer& buffer) {
  return static_cast<size_t>(ir::round_up(buffer.bytes(), 64));
}

const ir::Buffer& weights_of(const ir::Program& program) {
  return *find_parameter(program, ir::BufferRole::weights);
}

bool may_be(const ir::Buffer& buffer, int value) {
  return !buffer.has_promise() || (buffer.lowest <= value && value <= buffer.highest);
}

}  // namespace

std::vector<ir::Range> share_of(const codegen::CompiledKernel& kernel, int thread, int threads) {
  std::vector<ir::Range> ranges;
  for (const ir::ScheduledLoop& loop : kernel.kernel().schedule.loops) {
    if (loop.kind != ir::LoopKind::parallel) continue;
    const ir::Problem& problem = kernel.kernel().problem;
    const bool outputs = loop.axis == ir::Axis::n;
    const int64_t trips = ir::ceil_divide(outputs ? problem.n : problem.m, loop.step);
    ranges.push_back(outputs ? ir::Range{trips * thread / threads, trips * (thread + 1) / threads}
                             : ir::Range{0, trips});
  }
  return ranges;
}

Slice slice_of(const codegen::CompiledKernel& kernel, int threads, size_t bytes) {
  Slice slice;
  for (int thread = 0; thread < threads; ++thread) slice.ranges.push_back(share_of(kernel, thread, threads));
  size_t index = 0;
  for (const ir::ScheduledLoop& loop : kernel.kernel().schedule.loops) {
    if (loop.kind != ir::LoopKind::parallel) continue;
    if (loop.axis == ir::Axis::n) {
      const int64_t trips = ir::ceil_divide(kernel.kernel().problem.n, loop.step);
      const auto bytes_of_trip = bytes_of(weights_of(kernel.program())) / static_cast<size_t>(trips);
      const int64_t kept =
          std::clamp<int64_t>(static_cast<int64_t>(bytes / std::max<size_t>(bytes_of_trip, 1)), 1,
                              ir::ceil_divide(trips, threads));
      for (std::vector<ir::Range>& ranges : slice.ranges) {
        // With more threads than blocks some have nothing to do; here each has something.
        ir::Range& range = ranges[index];
        range.begin = std::min(range.begin, trips - kept);
        range.end = range.begin + kept;
      }
      slice.share = static_cast<double>(kept) / static_cast<double>(ir::ceil_divide(trips, threads));
    }
    ++index;
  }
  return slice;
}

size_t packed_bytes(const ir::Program& program) {
  size_t bytes = 0;
  for (const ir::Buffer& buffer : parameters(program)) {
    if (is_packed(buffer)) bytes += bytes_of(buffer);
  }
  return bytes;
}

size_t bytes_from_memory(const targets::Target& target) {
  constexpr size_t min_bytes = size_t{1} << 28;  // also where no caches are known
  int64_t max_cache = 0;
  for (const targets::Cache& cache : target.caches) max_cache = std::max(max_cache, cache.size_bytes);
  return std::max(min_bytes, static_cast<size_t>(max_cache) * 4);
}

// The rest of the cache is for activations and for other threads that share it.
size_t bytes_from_cache(const targets::Target& target) {
  constexpr size_t small = size_t{1} << 17;  // that nearly every second-level cache has twice
  const targets::Cache* cache = find_cache(target, 2);
  return cache ? static_cast<size_t>(cache->size_bytes) / 4 : small;
}

KernelTimer::KernelTimer(ThreadPool& pool, size_t memory_bytes, size_t cache_bytes)
    : pool_(pool), memory_bytes_(memory_bytes), cache_bytes_(cache_bytes) {}

Memory& KernelTimer::memory_of(const ir::Buffer& buffer) {
  if (buffer.role != ir::BufferRole::weights) return others_[static_cast<size_t>(buffer.role)];
  return may_be(buffer, any_weights) ? any_weights_ : zero_weights_;
}

Status KernelTimer::reserve(const ir::Program& program) {
  const size_t copies = std::max<size_t>(memory_bytes_ / stride_of(weights_of(program)), 1);
  for (const ir::Buffer& buffer : parameters(program)) {
    Memory& memory = memory_of(buffer);
    const size_t wanted = stride_of(buffer) * (is_packed(buffer) ? copies : 1) + spare_bytes;
    if (memory.size() >= wanted) continue;
    TERN_ASSIGN(Memory larger, Memory::allocate(wanted, {.whole_huge_pages = true}));
    const int value = &memory == &any_weights_ ? any_weights : may_be(buffer, any_value) ? any_value : 0;
    // Each thread touches a part, so that on machines whose memory belongs to cores each has some near.
    pool_.run([&](size_t thread) {
      const Range part = split(larger.size(), thread, pool_.threads(), 64);
      std::memset(larger.data() + part.begin, value, part.size());
    });
    memory = std::move(larger);
  }
  return {};
}

ir::Arguments KernelTimer::arguments_of(const ir::Program& program) {
  return {program, [&](const ir::Buffer& buffer) { return memory_of(buffer).data(); }};
}

void KernelTimer::call(const codegen::CompiledKernel& kernel, int calls) {
  const ir::Program& program = kernel.program();
  const ir::Arguments arguments = arguments_of(program);
  struct Packed {
    size_t index;      // of the parameter
    std::byte* first;  // of the copies
    size_t stride;     // bytes from one copy to the next
  };
  std::vector<Packed> packed;
  size_t copies = std::numeric_limits<size_t>::max();
  for (size_t i = 0; i < parameters(program).size(); ++i) {
    const ir::Buffer& buffer = parameters(program)[i];
    if (!is_packed(buffer)) continue;
    packed.push_back({i, memory_of(buffer).data(), stride_of(buffer)});
    copies = std::min(copies, (memory_of(buffer).size() - spare_bytes) / packed.back().stride);
  }
  const size_t first = next_;
  next_ += static_cast<size_t>(calls);
  pool_.run([&](size_t thread) {
    ir::Arguments own = arguments;
    const std::vector<ir::Range> ranges = share_of(kernel, static_cast<int>(thread), threads());
    for (int i = 0; i < calls; ++i) {
      const size_t copy = (first + static_cast<size_t>(i)) % copies;
      for (const Packed& matrix : packed) own[matrix.index] = matrix.first + copy * matrix.stride;
      kernel(own, ranges);
    }
  });
}

void KernelTimer::call_slice(const TimedKernel& kernel, int calls) {
  const ir::Arguments arguments = arguments_of(kernel.kernel.program());
  pool_.run([&](size_t thread) {
    for (int i = 0; i < calls; ++i) kernel.kernel(arguments, kernel.slice.ranges[thread]);
  });
}

Expected<TimedKernel> KernelTimer::prepare(const codegen::CompiledKernel& kernel) {
  TERN_TRY(reserve(kernel.program()));
  TimedKernel timed{kernel, slice_of(kernel, threads(), cache_bytes_), 1, 0};
  timed.slice_calls = calls_for(slice_sample_seconds, [&](int calls) { call_slice(timed, calls); });
  return timed;
}

void KernelTimer::prepare_for_memory(TimedKernel& kernel) {
  if (kernel.calls == 0)
    kernel.calls = calls_for(sample_seconds, [&](int calls) { call(kernel.kernel, calls); });
}

std::vector<double> KernelTimer::round(std::span<const TimedKernel* const> kernels, Weights from,
                                       uint64_t seed) {
  const auto work_of = [&](const TimedKernel* kernel) -> std::function<void()> {
    switch (from) {
      case Weights::memory: return [this, kernel] { call(kernel->kernel, kernel->calls); };
      case Weights::cache: return [this, kernel] { call_slice(*kernel, kernel->slice_calls); };
    }
    __builtin_unreachable();
  };
  std::vector<std::function<void()>> work;
  for (const TimedKernel* kernel : kernels) work.push_back(work_of(kernel));
  std::vector<double> seconds = time_in_turn(work, seed);
  for (size_t i = 0; i < kernels.size(); ++i)
    seconds[i] /=
        from == Weights::memory ? kernels[i]->calls : kernels[i]->slice_calls * kernels[i]->slice.share;
  return seconds;
}

}  // namespace tern::autotune
