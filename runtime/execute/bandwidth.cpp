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

// Reads every byte; the result keeps the compiler from leaving the loads out. `count` is a multiple of 16.
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

namespace {

constexpr size_t walk_bytes = size_t{1} << 30, least_bytes = walk_bytes / 4;
constexpr size_t piece = 128;  // SumWords reads two lines at a time

// Where part number `thread` of `bytes` begins, of as many parts as the pool has threads.
size_t begin_of_part(size_t bytes, size_t thread, const ThreadPool& pool) {
  return bytes * thread / pool.threads() / piece * piece;
}

}  // namespace

Expected<BandwidthProbe> BandwidthProbe::make(ThreadPool& pool) {
  BandwidthProbe probe;
  TERN_ASSIGN(probe.own_, Memory::allocate(walk_bytes));
  // Pages that were never written are all one page of zeros, which is read from the cache.
  pool.run([&](size_t thread) {
    const size_t first = begin_of_part(walk_bytes, thread, pool);
    std::fill_n(probe.own_.data() + first, begin_of_part(walk_bytes, thread + 1, pool) - first, std::byte{1});
  });
  probe.blocks_ = {{probe.own_.data(), walk_bytes}};
  return probe;
}

Expected<BandwidthProbe> BandwidthProbe::make(ThreadPool& pool,
                                              std::span<const std::span<const std::byte>> weights) {
  BandwidthProbe probe;
  size_t bytes = 0;
  for (const std::span<const std::byte> block : weights) {
    const size_t part = std::min(block.size(), walk_bytes - bytes) / piece * piece;
    if (part > 0) probe.blocks_.push_back(block.first(part));
    bytes += part;
  }
  if (bytes < least_bytes) return make(pool);
  return probe;
}

double BandwidthProbe::walk(ThreadPool& pool, VectorLevel level) const {
  const auto sum_words = function_for(HWY_DISPATCH_TABLE(SumWords), level);
  size_t bytes = 0;
  for (const std::span<const std::byte> block : blocks_) bytes += block.size();
  const auto begin = std::chrono::steady_clock::now();
  pool.run([&](size_t thread) {
    // Bytes first..last-1 of all blocks, one behind the other.
    const size_t first = begin_of_part(bytes, thread, pool), last = begin_of_part(bytes, thread + 1, pool);
    volatile uint64_t sink = 0;
    size_t at = 0;  // of the block's first byte
    for (const std::span<const std::byte> block : blocks_) {
      const size_t from = std::max(first, at), to = std::min(last, at + block.size());
      if (from < to)
        sink = sum_words(reinterpret_cast<const uint64_t*>(block.data() + (from - at)), (to - from) / 8);
      at += block.size();
    }
    static_cast<void>(sink);
  });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(bytes) / seconds.count();
}

Expected<double> read_bandwidth(ThreadPool& pool, VectorLevel level, int rounds) {
  TERN_ASSIGN(const BandwidthProbe probe, BandwidthProbe::make(pool));
  double best = 0;
  for (int round = 0; round < rounds; ++round) best = std::max(best, probe.walk(pool, level));
  return best;
}

}  // namespace tern::runtime
#endif
