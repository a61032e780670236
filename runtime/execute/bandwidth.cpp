#include "runtime/execute/bandwidth.h"

#include <algorithm>
#include <chrono>

#include "base/memory.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/execute/bandwidth.cpp"
#include <hwy/foreach_target.h>
// After foreach_target, which includes this file once a target.
#include <hwy/highway.h>

#include "runtime/math/vector_table.h"

HWY_BEFORE_NAMESPACE();
namespace tern::runtime::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Reads every byte; the result keeps the compiler from leaving the loads out. `count` is a multiple of 1024.
// Lines are asked for as kernels do (codegen/lower/insert_prefetches.cpp), 4096 bytes ahead into the second
// level of cache and 1024 bytes ahead into the first, a line at a time between loads.
uint64_t SumWords(const uint64_t* words, size_t count) {
  const hn::ScalableTag<uint64_t> d;
  const size_t lanes = hn::Lanes(d);
  constexpr size_t words_a_line = 8, near = 16 * words_a_line, far = 4 * near;
  auto a = hn::Zero(d), b = hn::Zero(d);
  for (size_t i = 0; i < count; i += 2 * words_a_line) {
    __builtin_prefetch(words + i + far, 0, 2);
    __builtin_prefetch(words + i + near);
    for (size_t j = 0; j < words_a_line; j += lanes) a = hn::Add(a, hn::Load(d, words + i + j));
    __builtin_prefetch(words + i + words_a_line + far, 0, 2);
    __builtin_prefetch(words + i + words_a_line + near);
    for (size_t j = words_a_line; j < 2 * words_a_line; j += lanes)
      b = hn::Add(b, hn::Load(d, words + i + j));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
}

}  // namespace tern::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tern::runtime {
HWY_EXPORT(SumWords);

Expected<double> read_bandwidth(ThreadPool& pool, VectorLevel level, size_t bytes, int rounds) {
  const size_t part = std::max<size_t>(bytes / pool.threads() / 8192 * 8192, 8192);
  TERN_ASSIGN(const Memory memory, Memory::allocate(part * pool.threads()));
  std::byte* start = memory.data();
  const auto sum_words = function_for(HWY_DISPATCH_TABLE(SumWords), level);
  pool.run([&](size_t thread) { std::fill_n(start + thread * part, part, std::byte{1}); });
  volatile uint64_t sink = 0;
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    pool.run([&](size_t thread) {
      sink = sum_words(reinterpret_cast<const uint64_t*>(start + thread * part), part / 8);
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(part * pool.threads()) / seconds.count());
  }
  return best;
}

}  // namespace tern::runtime
#endif
