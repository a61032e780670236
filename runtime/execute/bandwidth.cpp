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
uint64_t SumWords(const uint64_t* words, size_t count) {
  const hn::ScalableTag<uint64_t> d;
  const size_t lanes = hn::Lanes(d);
  constexpr size_t words_a_line = 8, lines_ahead = 64;
  auto a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d), e = hn::Zero(d);
  for (size_t i = 0; i < count; i += 4 * lanes) {
    for (size_t line = 0; line < 4 * lanes; line += words_a_line)
      __builtin_prefetch(words + i + line + lines_ahead * words_a_line);
    a = hn::Add(a, hn::Load(d, words + i));
    b = hn::Add(b, hn::Load(d, words + i + lanes));
    c = hn::Add(c, hn::Load(d, words + i + 2 * lanes));
    e = hn::Add(e, hn::Load(d, words + i + 3 * lanes));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
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
