// Telling the two orders of I2_S codes apart by the weights.
#include "runtime/model/i2s_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <list>
#include <random>

#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

struct Width {
  uint32_t embedding, kv, feed_forward;
};

// A model of 2 layers in memory. Rows are Gaussian weights times a scale a row and a column, ternarised by
// half their mean magnitude. With `trained`, the scales are those of the channels that rows and columns stand
// for: one for each channel of the hidden state, of the values and of the feed-forward block, alike in all
// matrices. Otherwise each matrix draws its own.
class GaussianModel {
 public:
  GaussianModel(uint32_t seed, Width width, bool trained, I2sOrder order)
      : random_(seed), trained_(trained), order_(order) {
    model_.hyperparameters.head_count = width.embedding / 64;
    model_.hyperparameters.head_count_kv = width.kv / 64;
    model_.hyperparameters.head_dimension = 64;
    model_.layers.resize(2);
    const std::vector<float> hidden = scales(width.embedding);
    for (Weights& layer : model_.layers) {
      const std::vector<float> values = scales(width.kv), inner = scales(width.feed_forward);
      std::vector<float> heads(width.embedding);
      for (size_t i = 0; i < heads.size(); ++i)
        heads[i] = values[i / 64 * width.kv / width.embedding * 64 + i % 64];
      add(layer, WeightRole::query, scales(width.embedding), hidden);
      add(layer, WeightRole::key, scales(width.kv), hidden);
      add(layer, WeightRole::value, values, hidden);
      add(layer, WeightRole::attention_output, hidden, heads);
      add(layer, WeightRole::gate, inner, hidden);
      add(layer, WeightRole::up, inner, hidden);
      add(layer, WeightRole::down, hidden, inner);
      layer.norms[WeightRole::attention_norm] = channel(hidden);
      layer.norms[WeightRole::feed_forward_norm] = channel(hidden);
      layer.norms[WeightRole::attention_sub_norm] = channel(heads);
      layer.norms[WeightRole::feed_forward_sub_norm] = channel(inner);
    }
  }
  GaussianModel(const GaussianModel&) = delete;
  GaussianModel& operator=(const GaussianModel&) = delete;

  I2sEvidence evidence() const { return weigh_i2s_orders(model_); }

 private:
  std::vector<float> scales(size_t count) {
    std::vector<float> drawn(count);
    for (float& scale : drawn) scale = std::exp(0.3f * normal_(random_));
    return drawn;
  }
  std::vector<float> channel(const std::vector<float>& shared) {
    return trained_ ? shared : scales(shared.size());
  }

  void add(Weights& layer, WeightRole role, const std::vector<float>& rows,
           const std::vector<float>& columns) {
    const std::vector<float> by_row = channel(rows), by_column = channel(columns);
    std::vector<float> weights;
    float sum = 0;
    for (const float row : by_row) {
      for (const float column : by_column) {
        weights.push_back(row * column * normal_(random_));
        sum += std::fabs(weights.back());
      }
    }
    const float threshold = sum / static_cast<float>(weights.size()) / 2;
    std::vector<std::byte>& codes = bytes_.emplace_back(weights.size() / 4);
    for (size_t i = 0; i < weights.size(); ++i) {
      const unsigned code = weights[i] > threshold ? 2 : weights[i] < -threshold ? 0 : 1;
      const CodeBits bits = bits_of(i, order_);
      codes[bits.byte] |= static_cast<std::byte>(code << bits.shift);
    }
    Tensor& tensor = layer.matrices[role];
    tensor.type = TensorType::i2_s;
    tensor.n = static_cast<uint32_t>(rows.size());
    tensor.k = static_cast<uint32_t>(columns.size());
    tensor.data = codes;
  }

  std::mt19937 random_;
  std::normal_distribution<float> normal_;
  bool trained_;
  I2sOrder order_;
  std::list<std::vector<std::byte>> bytes_;
  Model model_{.file = GgufFile{.file = FileMapping("made", {})}};
};

constexpr Width widths[] = {{128, 64, 384}, {256, 128, 384}, {384, 128, 128}};

TEST(I2sOrder, ChannelsThatMatchTellIt) {
  for (uint32_t seed = 0; seed < 3; ++seed) {
    const I2sEvidence x86 = GaussianModel(seed, widths[seed], true, I2sOrder::blocks_of_128).evidence();
    EXPECT_FALSE(x86.is_64());
    EXPECT_GT(x86.for_128, 4 * x86.for_64);
    const I2sEvidence arm = GaussianModel(seed, widths[seed], true, I2sOrder::blocks_of_64).evidence();
    EXPECT_TRUE(arm.is_64()) << arm.for_64 << " against " << arm.for_128;
  }
}

TEST(I2sOrder, RandomWeightsTellNothing) {
  size_t most_pairs = 0;
  double largest = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    const I2sEvidence found =
        GaussianModel(seed, widths[seed % 3], false, I2sOrder::blocks_of_128).evidence();
    EXPECT_FALSE(found.is_64()) << seed;
    most_pairs = std::max(most_pairs, found.pairs);
    largest = std::max(largest, found.for_64 - found.for_128);
  }
  EXPECT_EQ(most_pairs, 28u);
  EXPECT_LT(largest, 48) << "half of what is asked for";
}

TEST(I2sOrder, AgreementIsOfChannelsInBlocks) {
  std::vector<float> a(256), b(256);
  for (size_t i = 0; i < 256; ++i) a[i] = static_cast<float>(i % 128), b[i] = 1000 - a[i];
  EXPECT_NEAR(profile_agreement(a, a), std::sqrt(2 * 127.0), 1e-9);
  EXPECT_NEAR(profile_agreement(a, b), -std::sqrt(2 * 127.0), 1e-9);
  EXPECT_EQ(profile_agreement(a, std::vector<float>(256, 3.0f)), 0);
}

// The model in the box, which is trained, with its codes in blocks of 64.
std::string rewritten_in_64(const std::string& path, const TemporaryFolder& folder) {
  std::string bytes = read_text(path);
  const GgufFile file = parse_gguf(map_file(path).take()).take();
  for (const GgufTensor& tensor : file.tensors) {
    if (tensor.type != TensorType::i2_s) continue;
    const uint64_t elements = tensor.dims[0] * tensor.dims[1];
    std::string codes(elements / 4, '\0');
    for (uint64_t i = 0; i < elements; ++i) {
      const CodeBits from = bits_of(i, I2sOrder::blocks_of_128), to = bits_of(i, I2sOrder::blocks_of_64);
      const int code = static_cast<unsigned char>(bytes[tensor.offset + from.byte]) >> from.shift & 3;
      codes[to.byte] = static_cast<char>(codes[to.byte] | code << to.shift);
    }
    bytes.replace(tensor.offset, codes.size(), codes);
  }
  std::string written = folder / "blocks_of_64.gguf";
  std::ofstream(written, std::ios::binary) << bytes;
  return written;
}

TEST(I2sOrder, OfATrainedModelIsFound) {
  const TemporaryFolder folder;
  const std::string path = TERN_SOURCE_DIR "/models/tern-small.gguf";
  const std::string arm = rewritten_in_64(path, folder);
  const auto original = load_model(path), found = load_model(arm);
  ASSERT_TRUE(original && found);
  const I2sEvidence of_original = weigh_i2s_orders(*original), of_arm = weigh_i2s_orders(*found);
  EXPECT_GT(of_original.for_128, of_original.for_64);
  EXPECT_NEAR(of_original.for_128, of_arm.for_64, 1e-9);
  EXPECT_TRUE(original->warnings.empty());
  ASSERT_EQ(found->warnings.size(), 1u)
      << of_arm.for_64 << " against " << of_arm.for_128 << " of " << of_arm.pairs;
  EXPECT_THAT(found->warnings[0], HasSubstr("--i2s-order 128"));
  for (const WeightRole role : {WeightRole::query, WeightRole::down}) {
    const Tensor &a = original->matrix(role, 1), &b = found->matrix(role, 1);
    EXPECT_EQ(a.order, I2sOrder::blocks_of_128);
    EXPECT_EQ(b.order, I2sOrder::blocks_of_64);
    std::vector<int8_t> x(a.k), y(b.k);
    for (uint64_t row = 0; row < a.n; row += 37) {
      read_numbers(a, row, x);
      read_numbers(b, row, y);
      EXPECT_EQ(x, y);
    }
  }
  const auto as_asked = load_model(arm, {.i2s_order = I2sOrder::blocks_of_128});
  ASSERT_TRUE(as_asked);
  EXPECT_TRUE(as_asked->warnings.empty());
  EXPECT_EQ(as_asked->matrix(WeightRole::up, 0).order, I2sOrder::blocks_of_128);
}

}  // namespace
}  // namespace tern::runtime
