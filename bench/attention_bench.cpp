// How long the attention of one decoded token takes on one thread, in all layers of a model of BitNet b1.58
// 2B4T's shape: 30 layers, 5 key/value heads with 4 queries of 128 each, keys and values in f16.
#include <benchmark/benchmark.h>

#include <memory>
#include <span>
#include <vector>

#include "runtime/math/attention.h"
#include "runtime/sequence/sequence.h"

namespace tern::runtime {
namespace {

constexpr PageShape shape{.layers = 30, .kv_heads = 5, .head_dimension = 128};
constexpr size_t sharing = 4;

// Numbers from -1 to 1.
std::vector<float> random_numbers(size_t count) {
  std::vector<float> numbers(count);
  uint32_t state = 1;
  for (float& number : numbers) {
    state = state * 1664525u + 1013904223u;
    number = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
  }
  return numbers;
}

Sequence full_sequence(size_t positions) {
  Sequence sequence(PagePool::make(shape, pages_for(shape, positions)).take(), positions);
  if (const Status status = sequence.reserve(positions); !status) std::abort();
  const std::vector<float> numbers = random_numbers(shape.head_dimension + positions);
  for (size_t layer = 0; layer < shape.layers; ++layer) {
    for (size_t head = 0; head < shape.kv_heads; ++head) {
      store_keys_values(float_ops(VectorLevel::best), shape, sequence.pages().data(), layer, head, 0,
                        positions, numbers.data(), numbers.data(), 1);
    }
  }
  return sequence;
}

void attend_one_token(benchmark::State& state) {
  const auto positions = static_cast<size_t>(state.range(0));
  const Sequence sequence = full_sequence(positions);
  const size_t width = sharing * shape.head_dimension;
  const std::vector<float> queries = random_numbers(width * shape.kv_heads);
  std::vector<float> output(queries.size()), scratch(attention_scratch_size(shape.head_dimension));
  const AttentionOps ops = attention_ops(VectorLevel::best);
  for (auto _ : state) {
    for (size_t layer = 0; layer < shape.layers; ++layer) {
      for (size_t head = 0; head < shape.kv_heads; ++head) {
        ops.attend(key_value_head(shape, sequence.pages().data(), layer, head),
                   {1, sharing, width * shape.kv_heads, positions - 1, 0.088f}, queries.data() + head * width,
                   output.data() + head * width, width * shape.kv_heads, scratch.data());
      }
    }
    benchmark::ClobberMemory();
  }
  const double bytes = static_cast<double>(sequence.pages().size() * page_bytes(shape));
  state.counters["bytes/s"] =
      benchmark::Counter(bytes, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}
BENCHMARK(attend_one_token)->Arg(256)->Arg(2048)->Arg(8192)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tern::runtime

BENCHMARK_MAIN();
