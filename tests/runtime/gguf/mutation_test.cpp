// Damaged files: each is refused with a message or loads as a model that can be used. What must not happen, a
// crash or an access outside of the file, is for the sanitizers to notice.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/counter_random.h"
#include "runtime/model/model.h"
#include "runtime/model/model_cost.h"
#include "runtime/model/synth.h"
#include "runtime/tensor/tensor_rows.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

constexpr uint64_t mutations_of_a_kind = 200;

struct Original {
  std::vector<std::byte> bytes;
  size_t header_size;  // bytes before the data, where most structure is
};

Original original() {
  SynthShape shape = *find_synth_shape("tiny");
  shape.vocabulary_size = 300;
  shape.embedding_length = 128;
  shape.feed_forward_length = 128;
  shape.head_dimension = 32;
  const TemporaryFolder folder;
  EXPECT_TRUE(synthesize_model(folder / "a", shape, {.seed = 4, .head = TensorType::q8_0}));
  std::vector<std::byte> bytes = read_bytes(folder / "a");
  const auto file = parse_gguf(FileMapping("original", bytes));
  EXPECT_TRUE(file) << file.error().text();
  return {bytes, file ? file->data_offset : 0};
}

// Touches all that a loaded model refers to.
void use(const Model& model) {
  const Hyperparameters& h = model.hyperparameters;
  std::vector<float> row(h.embedding_length);
  const size_t row_bytes = model.token_embedding().data.size() / h.vocabulary_size;
  for (uint32_t token = 0; token < h.vocabulary_size; ++token) {
    decode_row(model.token_embedding().type,
               model.token_embedding().data.subspan(token * row_bytes, row_bytes), row);
    for (const float value : row) ASSERT_TRUE(std::isfinite(value));
  }
  ASSERT_EQ(model.vocabulary.tokens.size(), h.vocabulary_size);
  ASSERT_EQ(model.layers.size(), h.block_count);
  for (const Weights& layer : model.layers) {
    for (const auto& [role, matrix] : layer.matrices) ASSERT_EQ(count_codes(matrix.data).bad, 0u);
  }
  ASSERT_GT(cost_of(model, h.context_length).token_bytes(), 0u);
}

// 1 if the bytes load, 0 if they are refused.
int load(std::vector<std::byte> bytes) {
  auto file = parse_gguf(FileMapping("mutated.gguf", std::move(bytes)));
  const auto model = file ? load_model(file.take()) : Expected<Model>(file.error());
  if (model) {
    use(*model);
    return 1;
  }
  EXPECT_FALSE(model.error().message.empty());
  EXPECT_EQ(model.error().where.file, "mutated.gguf");
  return 0;
}

TEST(Mutation, TheOriginalLoads) {
  EXPECT_EQ(load(original().bytes), 1);
}

TEST(Mutation, FlippedBits) {
  const Original model = original();
  const RandomStream random(11, "flips");
  int loaded = 0;
  for (uint64_t i = 0; i < mutations_of_a_kind; ++i) {
    std::vector<std::byte> bytes = model.bytes;
    // Every other time in the header, and up to eight bits at once.
    const size_t range = i % 2 == 0 ? model.header_size : bytes.size();
    for (uint64_t flip = 0; flip <= random.bits(3 * i) % 8; ++flip) {
      const uint64_t where = random.bits(1000 + 8 * i + flip);
      bytes[where % range] ^= static_cast<std::byte>(1u << (where >> 61));
    }
    loaded += load(std::move(bytes));
  }
  EXPECT_GT(loaded, 0);  // some flips, as in the text of a token, do no harm
  EXPECT_LT(loaded, static_cast<int>(mutations_of_a_kind));
}

TEST(Mutation, Truncations) {
  const Original model = original();
  const RandomStream random(12, "truncations");
  for (uint64_t i = 0; i < mutations_of_a_kind; ++i) {
    const size_t range = i % 2 == 0 ? model.header_size : model.bytes.size() - 32;  // 32: padding at the end
    std::vector<std::byte> bytes = model.bytes;
    bytes.resize(random.bits(i) % range);
    EXPECT_EQ(load(std::move(bytes)), 0);
  }
}

TEST(Mutation, HugeNumbers) {
  const Original model = original();
  const RandomStream random(13, "numbers");
  constexpr uint64_t numbers[] = {~0ull,
                                  1ull << 63,
                                  (1ull << 63) - 1,
                                  1ull << 62,
                                  (1ull << 42) + 1,
                                  1ull << 32,
                                  0xffffffffull,
                                  0x7fffffffull,
                                  0x80000000ull,
                                  1ull << 30,
                                  65537,
                                  0};
  int loaded = 0;
  for (uint64_t i = 0; i < mutations_of_a_kind; ++i) {
    std::vector<std::byte> bytes = model.bytes;
    const uint64_t number = numbers[i % std::size(numbers)];
    const size_t size = i % 3 == 0 ? 4 : 8;
    // The counts of the header first, then anywhere before the data.
    const size_t at = i < 24 ? 8 + i % 2 * 8 : random.bits(i) % (model.header_size - size);
    std::memcpy(&bytes[at], &number, size);
    loaded += load(std::move(bytes));
  }
  EXPECT_LT(loaded, static_cast<int>(mutations_of_a_kind));
}

}  // namespace
}  // namespace tern::runtime
