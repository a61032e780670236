#include "autotune/kernel_timer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>

#include "autotune/rounds.h"
#include "ir/interpret.h"

namespace tern::autotune {
namespace {

// Whatever bytes weights have, a kernel takes the same time; but floats must not be tiny, for CPUs handle
// these slowly. 0x55 is a number of ordinary size in every type, and a code in most packings.
constexpr int any_weights = 0x55, any_value = 0x3f;

constexpr double sample_seconds = 0.002;

size_t bytes_of(const ir::Buffer& buffer) {
  return static_cast<size_t>(buffer.size * size_in_bytes(buffer.element));
}

bool is_weights(const ir::Buffer& buffer) {
  return buffer.name == "W";
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

KernelTimer::KernelTimer(const Crew& crew, size_t bytes_of_weights)
    : crew_(crew), bytes_of_weights_(bytes_of_weights) {}

Status KernelTimer::reserve(const ir::Program& program) {
  for (int i = 0; i < passed_buffers(program); ++i) {
    const ir::Buffer& buffer = program.buffers[i];
    const bool weights = is_weights(buffer);
    Pages& pages = !weights ? other_[buffer.name] : may_be(buffer, any_weights) ? ones_ : zeros_;
    // Kernels prefetch past the end, and threads start at lines of their own.
    const size_t wanted =
        (weights ? std::max(bytes_of_weights_, bytes_of(buffer)) : bytes_of(buffer)) + 65536;
    if (pages.size() >= wanted) continue;
    Expected<Pages> larger = Pages::allocate(wanted, Pages::Children::lack);
    if (!larger) return larger.error();
    const int value = weights && &pages == &ones_ ? any_weights : may_be(buffer, any_value) ? any_value : 0;
    // Each thread touches a part, so that on machines whose memory belongs to cores each has some near.
    crew_.run([&](int thread) {
      const size_t begin = larger->size() / 64 * thread / crew_.threads * 64,
                   end = larger->size() / 64 * (thread + 1) / crew_.threads * 64;
      std::memset(larger->data() + begin, value, end - begin);
    });
    pages = larger.take();
  }
  return {};
}

void KernelTimer::call(const codegen::CompiledKernel& kernel, int calls) {
  const ir::Program& program = kernel.program();
  std::vector<void*> pointers;
  for (int i = 0; i < passed_buffers(program); ++i) {
    const ir::Buffer& buffer = program.buffers[i];
    const Pages& pages = !is_weights(buffer)           ? other_.at(buffer.name)
                         : may_be(buffer, any_weights) ? ones_
                                                       : zeros_;
    pointers.push_back(pages.data());
  }
  const auto stride =
      static_cast<size_t>(ir::round_up(static_cast<int64_t>(bytes_of(program.buffers[0])), 64));
  const Pages& weights = may_be(program.buffers[0], any_weights) ? ones_ : zeros_;
  const size_t copies = std::max<size_t>((weights.size() - 65536) / stride, 1), first = next_;
  next_ += static_cast<size_t>(calls);
  crew_.run([&](int thread) {
    std::vector<void*> own = pointers;
    const std::vector<ir::Range> ranges = share_of(kernel, thread, crew_.threads);
    for (int i = 0; i < calls; ++i) {
      own[0] = weights.data() + (first + static_cast<size_t>(i)) % copies * stride;
      kernel(own, ranges);
    }
  });
}

Expected<TimedKernel> KernelTimer::prepare(const codegen::CompiledKernel& kernel) {
  if (const Status status = reserve(kernel.program()); !status) return status.error();
  call(kernel, 1);
  double seconds = 0;
  int calls = 1;
  for (;; calls *= 4) {
    const auto start = std::chrono::steady_clock::now();
    call(kernel, calls);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (seconds >= sample_seconds / 4) break;
  }
  seconds /= calls;
  return TimedKernel{kernel, std::max(1, static_cast<int>(std::lround(sample_seconds / seconds))), seconds};
}

std::vector<double> KernelTimer::round(std::span<const TimedKernel* const> kernels, uint64_t seed) {
  std::vector<std::function<void()>> work;
  for (const TimedKernel* kernel : kernels)
    work.push_back([this, kernel] { call(kernel->kernel, kernel->calls); });
  std::vector<double> seconds = time_in_turn(work, seed);
  for (size_t i = 0; i < kernels.size(); ++i) seconds[i] /= kernels[i]->calls;
  return seconds;
}

}  // namespace tern::autotune
