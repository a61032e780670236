// A model computes the same, whatever type its matrices are stored in.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "runtime/execute/engine.h"
#include "runtime/generate/evaluate.h"
#include "runtime/gguf/gguf_write.h"
#include "runtime/model/synth.h"
#include "runtime/tensor/tensor_rows.h"
#include "targets/host.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

std::vector<double> scores(const std::string& model, Activations activations,
                           const std::string& target = "host", size_t rows = 0) {
  EngineOptions options;
  options.model = model;
  options.activations = activations;
  options.kernels = jit_kernels(targets::find_runnable_target(target).take(), std::nullopt).take();
  options.threads = 2;
  options.buckets = kernels::RowBuckets::up_to(32);
  Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
  EXPECT_TRUE(engine) << engine.error().text();
  std::vector<uint32_t> tokens;
  for (uint32_t i = 0; i < 40; ++i) tokens.push_back(i * 37 % 1024);
  Sequence sequence = (*engine)->make_sequence(tokens.size()).take();
  const auto result = log_probabilities(**engine, sequence, tokens, rows);
  EXPECT_TRUE(result) << result.error().text();
  return *result;
}

// The scale of a block of 256 inputs of a row.
using ScaleOf = float (*)(uint64_t row, uint64_t block);

// The type of a matrix, by its name.
using TypeOf = std::function<TensorType(std::string_view name)>;

// The model with the numbers of its matrices in other types, and scales of our choice; or, if `decoded`, with
// the floats that such matrices stand for, in F32.
void rewrite(const std::string& from, const TypeOf& type_of, ScaleOf scale_of, const std::string& to,
             bool decoded = false) {
  const Model model = load_model(from).take();
  GgufHeader header;
  for (const Metadatum& datum : model.file.metadata) {
    if (const auto* number = std::get_if<uint32_t>(&datum.value))
      header.metadata.push_back({std::string(datum.key), *number});
    if (const auto* real = std::get_if<float>(&datum.value))
      header.metadata.push_back({std::string(datum.key), *real});
    if (const auto* text = std::get_if<std::string_view>(&datum.value))
      header.metadata.push_back({std::string(datum.key), std::string(*text)});
  }
  for (const char* key : {"tokenizer.ggml.tokens", "tokenizer.ggml.merges"}) {
    std::vector<std::string> strings;
    for (const std::string_view text : get_strings(model.file, key).take()) strings.emplace_back(text);
    header.metadata.push_back({key, std::move(strings)});
  }
  for (const GgufTensor& tensor : model.file.tensors) {
    std::vector<uint64_t> dims(tensor.dims.begin(), tensor.dims.begin() + tensor.rank);
    header.tensors.push_back({std::string(tensor.name),
                              tensor.type != TensorType::i2_s ? tensor.type
                              : decoded                       ? TensorType::f32
                                                              : type_of(tensor.name),
                              dims});
  }
  const Status written = write_gguf(to, header, [&](size_t index, const ByteSink& sink) -> Status {
    const GgufTensor& tensor = model.file.tensors[index];
    if (tensor.type != TensorType::i2_s) return sink(tensor.data);
    const TensorTypeInfo& record = info(type_of(tensor.name));
    const uint64_t k = tensor.dims[0], n = tensor.dims[1];
    std::vector<int8_t> numbers(k);
    std::vector<float> scales, values(k);
    std::vector<std::byte> row(row_bytes(record, k));
    for (uint64_t r = 0; r < n; ++r) {
      read_codes(tensor.data, r * k, I2sOrder::blocks_of_128, numbers);
      if (!record.write_numbers) {
        for (uint64_t i = 0; i < k; ++i) values[i] = scale_of(r, i / 256) * static_cast<float>(numbers[i]);
        record.encode(values, row);
      } else {
        const uint64_t group = record.weights.group == 0 ? k : static_cast<uint64_t>(record.weights.group);
        scales.resize(k / group);
        for (uint64_t g = 0; g < scales.size(); ++g) scales[g] = scale_of(r, g * group / 256);
        record.write_numbers(numbers, scales, row);
      }
      if (decoded) decode_row(record.type, row, values);
      TERN_TRY(sink(decoded ? std::as_bytes(std::span(values)) : std::span<const std::byte>(row)));
    }
    return {};
  });
  ASSERT_TRUE(written) << written.error().text();
}

float one_scale(uint64_t, uint64_t) {
  return 0.0625f;
}
float scale_of_row(uint64_t row, uint64_t) {
  return row % 7 == 3 ? 0.0f : row % 5 == 1 ? -0.0703125f : 0.0625f;
}
float scale_of_block(uint64_t row, uint64_t block) {
  return (row + 3 * block) % 11 == 5 ? 0.0f : (row + block) % 3 == 1 ? -0.05078125f : 0.0625f;
}

class TensorTypes : public testing::Test {
 protected:
  TensorTypes() {
    const Status made = synthesize_model(folder_ / "base.gguf", *find_synth_shape("tiny"), {.seed = 4});
    EXPECT_TRUE(made) << made.error().text();
  }
  std::string file(TensorType type, ScaleOf scale_of) const {
    const std::string path = folder_ / (std::string(name_of(type)) + ".gguf");
    rewrite(
        folder_ / "base.gguf", [type](std::string_view) { return type; }, scale_of, path);
    return path;
  }
  const TemporaryFolder folder_;
};

TEST_F(TensorTypes, OneScaleGivesTheSameBitsInEachType) {
  const std::vector<double> expected = scores(file(TensorType::tq1_0, one_scale), Activations::as_trained);
  for (const TensorType type : {TensorType::tq2_0, TensorType::q2_0, TensorType::pq2_0, TensorType::ptq1_0,
                                TensorType::iq1_bn, TensorType::iq2_bn})
    EXPECT_EQ(scores(file(type, one_scale), Activations::as_trained), expected) << name_of(type);
}

TEST_F(TensorTypes, ScalesOfRowsGiveTheSameBitsInEachType) {
  for (const Activations activations : {Activations::i8, Activations::i8_groups}) {
    const std::vector<double> expected = scores(file(TensorType::tq1_0, scale_of_row), activations);
    for (const TensorType type :
         {TensorType::tq2_0, TensorType::q2_0, TensorType::iq1_bn, TensorType::iq2_bn})
      EXPECT_EQ(scores(file(type, scale_of_row), activations), expected) << name_of(type);
  }
}

// Blocks with one scale become groups of one size whatever the type's blocks are, so not even the rounding
// differs.
TEST_F(TensorTypes, ScalesOfBlocksGiveTheSameBitsInEachType) {
  const std::vector<double> expected =
      scores(file(TensorType::tq1_0, scale_of_block), Activations::i8_groups);
  for (const TensorType type : {TensorType::tq2_0, TensorType::q2_0, TensorType::pq2_0, TensorType::ptq1_0})
    EXPECT_EQ(scores(file(type, scale_of_block), Activations::i8_groups), expected) << name_of(type);
}

TEST_F(TensorTypes, FloatActivationsMultiplyTheDecodedValues) {
  const std::vector<double> expected = scores(file(TensorType::f32, scale_of_block), Activations::f32);
  for (const TensorType type : {TensorType::tq1_0, TensorType::tq2_0, TensorType::q2_0, TensorType::pq2_0})
    EXPECT_EQ(scores(file(type, scale_of_block), Activations::f32), expected) << name_of(type);
  EXPECT_EQ(scores(file(TensorType::iq2_bn, scale_of_row), Activations::f32),
            scores(file(TensorType::f32, scale_of_row), Activations::f32));
}

// Projections that are stacked in one product may have types of different numbers and groups.
TEST_F(TensorTypes, DifferentTypesAreStackedWithoutLoss) {
  const auto type_of = [](std::string_view name) {
    if (name.ends_with("attn_k.weight") || name.ends_with("ffn_up.weight")) return TensorType::q4_0;
    if (name.ends_with("attn_v.weight")) return TensorType::q8_0;
    if (name.ends_with("attn_q.weight")) return TensorType::q2_0;
    return name.ends_with("ffn_gate.weight") ? TensorType::ptq1_0 : TensorType::tq2_0;
  };
  rewrite(folder_ / "base.gguf", type_of, scale_of_block, folder_ / "mixed.gguf");
  rewrite(folder_ / "base.gguf", type_of, scale_of_block, folder_ / "floats.gguf", true);
  const std::vector<double> expected = scores(folder_ / "floats.gguf", Activations::f32);
  EXPECT_EQ(scores(folder_ / "mixed.gguf", Activations::f32), expected);
  double squares = 0;
  const std::vector<double> whole = scores(folder_ / "mixed.gguf", Activations::i8_groups);
  for (size_t i = 0; i < whole.size(); ++i) squares += (whole[i] - expected[i]) * (whole[i] - expected[i]);
  EXPECT_LT(std::sqrt(squares / static_cast<double>(whole.size())), 0.15);
  EXPECT_EQ(scores(folder_ / "mixed.gguf", Activations::i8_groups, "host", 5), whole);
}

TEST_F(TensorTypes, GroupsAreCloserToFloatsThanTokens) {
  const std::string model = file(TensorType::pq2_0, scale_of_block);
  const std::vector<double> exact = scores(model, Activations::f32);
  const auto distance = [&](Activations activations) {
    double squares = 0;
    const std::vector<double> ours = scores(model, activations);
    for (size_t i = 0; i < ours.size(); ++i) squares += (ours[i] - exact[i]) * (ours[i] - exact[i]);
    return squares;
  };
  EXPECT_LT(distance(Activations::i8_groups), distance(Activations::i8));
}

TEST_F(TensorTypes, ResultsDependOnNeitherTargetNorBatch) {
  const std::string model = file(TensorType::pq2_0, scale_of_block);
  const std::vector<double> expected = scores(model, Activations::i8_groups);
  EXPECT_EQ(scores(model, Activations::i8_groups, "host", 1), expected);
  EXPECT_EQ(scores(model, Activations::i8_groups, "host", 5), expected);
  EXPECT_EQ(scores(model, Activations::i8_groups, "x86-64-v2"), expected);
}

}  // namespace
}  // namespace tern::runtime
