// The binary BitNet of the first paper against a plain implementation of it: all logits bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/counter_random.h"
#include "runtime/execute/engine.h"
#include "runtime/math/rope.h"
#include "runtime/model/synth.h"
#include "runtime/tensor/binarize.h"
#include "targets/host.h"
#include "tests/runtime/math/scalar_reference.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using Row = std::vector<float>;

TEST(Binarize, IsTheSignOfWhatIsCentred) {
  const BinaryWeights made = binarize(std::vector<float>{3, 1, 2, -2, 0.5f, 1.5f});
  EXPECT_EQ(made.signs, (std::vector<int8_t>{1, -1, 1, -1, -1, 1}));  // the mean is 1, and sign(0) is -1
  EXPECT_EQ(made.beta, 10.0f / 6);
}

Row layer_norm(Row x, const Row& weight, float epsilon) {
  const float mean = reference::sum(x) / static_cast<float>(x.size());
  for (float& v : x) v = v - mean;
  return reference::rms_norm(x, weight, epsilon);
}

// One weight after the other.
class PlainModel {
 public:
  explicit PlainModel(const Model& model) : model_(model), h_(model.hyperparameters) {
    keys_.resize(h_.block_count);
    values_.resize(h_.block_count);
  }

  // The logits behind the next token.
  Row next(uint32_t token) {
    Row hidden = row_of(model_.token_embedding(), token);
    for (uint32_t layer = 0; layer < h_.block_count; ++layer) {
      add(hidden, attention(layer, norm(hidden, WeightRole::attention_norm, layer)));
      Row up = product(WeightRole::up, layer, norm(hidden, WeightRole::feed_forward_norm, layer));
      up = reference::gelu_gate(up, Row(up.size(), 1.0f));
      add(hidden, product(WeightRole::down, layer, norm(up, WeightRole::feed_forward_sub_norm, layer)));
    }
    ++position_;
    const Row normed = layer_norm(hidden, model_.norm(WeightRole::output_norm), h_.rms_epsilon);
    Row logits;
    for (uint32_t id = 0; id < h_.vocabulary_size; ++id) {
      const Row row = row_of(model_.token_embedding(), id);
      float sum = 0;
      for (size_t i = 0; i < row.size(); ++i) sum += normed[i] * row[i];
      logits.push_back(sum);
    }
    return logits;
  }

 private:
  static Row row_of(const Tensor& tensor, uint64_t index) {
    Row row(tensor.k);
    read_floats(tensor, index, row);
    return row;
  }
  static void add(Row& to, const Row& more) {
    for (size_t i = 0; i < to.size(); ++i) to[i] = to[i] + more[i];
  }
  Row norm(const Row& x, WeightRole role, uint32_t layer) const {
    return layer_norm(x, model_.norm(role, layer), h_.rms_epsilon);
  }

  // Quantised, summed in i64, and scaled.
  Row product(WeightRole role, uint32_t layer, const Row& x) const {
    const Tensor& tensor = model_.matrix(role, layer);
    const reference::Quantized q = reference::quantize_row(x, x.size());
    Row out;
    std::vector<int8_t> signs(tensor.k);
    for (uint64_t row = 0; row < tensor.n; ++row) {
      read_numbers(tensor, row, signs);
      const auto sum = std::inner_product(signs.begin(), signs.end(), q.values.begin(), int64_t{0});
      out.push_back(static_cast<float>(sum) / q.scale * tensor.scale);
    }
    return out;
  }

  void turn(Row& x) const {
    const size_t half = h_.head_dimension / 2;
    RopeFrequencies frequencies{.dimension = h_.head_dimension, .base = h_.rope_base};
    Row cosines(half), sines(half);
    RopeAngles(frequencies).at(position_, cosines.data(), sines.data());
    for (size_t first = 0; first < x.size(); first += h_.head_dimension) {
      for (size_t i = 0; i < half; ++i) {
        float &a = x[first + i], &b = x[first + i + half];
        const float turned = a * cosines[i] - b * sines[i];
        b = b * cosines[i] + a * sines[i];
        a = turned;
      }
    }
  }

  Row attention(uint32_t layer, const Row& x) {
    Row query = product(WeightRole::query, layer, x), key = product(WeightRole::key, layer, x);
    turn(query);
    turn(key);
    keys_[layer].push_back(key);
    values_[layer].push_back(product(WeightRole::value, layer, x));
    const size_t d = h_.head_dimension;
    Row attended;
    for (size_t head = 0; head < h_.head_count; ++head) {
      const size_t at = head / (h_.head_count / h_.head_count_kv) * d;
      const auto of_head = [&](const std::vector<Row>& rows) {
        std::vector<Row> part;
        for (const Row& row : rows) part.emplace_back(row.begin() + at, row.begin() + at + d);
        return part;
      };
      const Row q(query.begin() + head * d, query.begin() + (head + 1) * d);
      const Row out = reference::attention(q, of_head(keys_[layer]), of_head(values_[layer]), position_ + 1,
                                           1.0f / std::sqrt(static_cast<float>(d)));
      attended.insert(attended.end(), out.begin(), out.end());
    }
    return product(WeightRole::attention_output, layer,
                   norm(attended, WeightRole::attention_sub_norm, layer));
  }

  const Model& model_;
  const Hyperparameters& h_;
  std::vector<std::vector<Row>> keys_, values_;  // by layer and position
  uint32_t position_ = 0;
};

TEST(BinaryBitnet, IsThatOfThePaper) {
  const TemporaryFolder folder;
  const Status written = synthesize_model(folder / "b1.gguf", *find_synth_shape("tiny-binary"),
                                          {.seed = 3, .layers = TensorType::q1_0});
  ASSERT_TRUE(written) << written.error().text();
  EngineOptions options;
  options.model = folder / "b1.gguf";
  options.kernels = jit_kernels(targets::find_runnable_target("host").take(), std::nullopt).take();
  options.buckets = kernels::RowBuckets::up_to(4);
  options.kv_element = CacheElement::f32;
  auto engine = Engine::load(options);
  ASSERT_TRUE(engine) << engine.error().text();
  const Model& model = (*engine)->model();
  for (const auto& [role, tensor] : model.layers[1].matrices) {
    EXPECT_EQ(tensor.weights.element, ir::Element::sign) << tensor.name;
    EXPECT_EQ(tensor.weights.scaling, ir::Scaling::tensor) << tensor.name;
  }
  EXPECT_FALSE(model.layers[0].matrices.contains(WeightRole::gate));
  PlainModel plain(model);
  Sequence sequence = (*engine)->make_sequence(16).take();
  for (const uint32_t token : {5u, 700u, 5u, 1000u, 0u, 33u, 34u}) {
    const Logits logits = (*engine)->append(sequence, std::vector<uint32_t>{token}).take();
    EXPECT_EQ(Row(logits[0].begin(), logits[0].end()), plain.next(token)) << token;
  }
}

// Half of the signs of weights that are centred are +1.
TEST(BinaryBitnet, SynthesizesSigns) {
  const TemporaryFolder folder;
  for (const TensorType type : {TensorType::q1_0, TensorType::i2_s, TensorType::tq2_0}) {
    const Status written =
        synthesize_model(folder / "b1.gguf", *find_synth_shape("tiny-binary"), {.seed = 3, .layers = type});
    ASSERT_TRUE(written) << written.error().text();
    const auto model = load_model(folder / "b1.gguf");
    ASSERT_TRUE(model) << model.error().text();
    const Tensor& up = model->matrix(WeightRole::up, 0);
    const CodeCounts counts = count_codes(up);
    EXPECT_EQ(counts.zero + counts.two + counts.bad, 0u);
    EXPECT_NEAR(static_cast<double>(counts.plus) / (up.n * up.k), 0.5, 0.01);
    EXPECT_NEAR(up.scale, 1 / std::sqrt(256.0), 1e-3);
  }
  EXPECT_FALSE(
      synthesize_model(folder / "b1.gguf", *find_synth_shape("tiny-binary"), {.layers = TensorType::stq1_0}));
}

TEST(BinaryBitnet, DamagedFilesAreRefusedOrLoad) {
  SynthShape shape = *find_synth_shape("tiny-binary");
  shape.embedding_length = shape.feed_forward_length = 128;
  shape.head_dimension = 32;
  shape.vocabulary_size = 280;
  shape.block_count = 1;
  const TemporaryFolder folder;
  ASSERT_TRUE(
      synthesize_model(folder / "b1.gguf", shape, {.head = TensorType::q8_0, .layers = TensorType::q1_0}));
  const std::vector<std::byte> whole = read_bytes(folder / "b1.gguf");
  const RandomStream random(41, "b1");
  int loaded = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    std::vector<std::byte> bytes = whole;
    for (uint64_t change = 0; change <= i % 3; ++change) {
      const uint64_t bits = random.bits(8 * i + change);
      bytes[bits % (i % 3 == 0 ? 2000 : bytes.size())] = static_cast<std::byte>(bits >> 56);
    }
    if (i % 3 == 2) bytes.resize(random.bits(8 * i + 7) % bytes.size());
    auto file = parse_gguf(FileMapping("mutated", std::move(bytes)));
    const auto model = file ? load_model(file.take()) : Expected<Model>(file.error());
    EXPECT_TRUE(model || !model.error().message.empty());
    loaded += model ? 1 : 0;
  }
  EXPECT_GT(loaded, 0);
  EXPECT_LT(loaded, 200);
}

}  // namespace
}  // namespace tern::runtime
