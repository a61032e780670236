#include "runtime/convert/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>

#include "runtime/convert/i2s_blocks.h"
#include "runtime/convert/ternary_rows.h"
#include "runtime/convert/write_hf.h"
#include "runtime/model/model.h"
#include "runtime/model/synth.h"
#include "runtime/source/model_file.h"
#include "runtime/source/safetensors.h"
#include "runtime/tensor/bytes.h"
#include "runtime/tensor/tensor_rows.h"
#include "tests/runtime/source/small_folder.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

Status convert(const std::string& from, const std::string& to, const ConvertOptions& options = {}) {
  TERN_ASSIGN(const ModelSource source, open_model_source(from));
  TERN_TRY(convert_to_gguf(source, to, options));
  return {};
}
Status convert_to_folder(const std::string& from, const std::string& to, const ConvertOptions& options = {}) {
  TERN_ASSIGN(const ModelSource source, open_model_source(from));
  TERN_TRY(convert_to_hf(source, to, options));
  return {};
}

std::string synthesized(const TemporaryFolder& folder, TensorType head = TensorType::f16) {
  EXPECT_TRUE(synthesize_model(folder / "in.gguf", *find_synth_shape("tiny"), {.seed = 8, .head = head}));
  return folder / "in.gguf";
}

void expect_same_tensors(const std::string& a, const std::string& b) {
  const auto one = open_model_file(a), other = open_model_file(b);
  ASSERT_TRUE(one && other) << (one ? other.error().text() : one.error().text());
  ASSERT_EQ(one->tensors.size(), other->tensors.size());
  for (const GgufTensor& tensor : one->tensors) {
    const GgufTensor* found = other->find_tensor(tensor.name);
    ASSERT_TRUE(found) << tensor.name;
    EXPECT_EQ(found->type, tensor.type);
    EXPECT_TRUE(std::ranges::equal(found->data, tensor.data)) << tensor.name;
  }
}

TEST(Convert, SameTypeIsTheSameFile) {
  const TemporaryFolder folder;
  const std::string in = synthesized(folder);
  const Status converted = convert(in, folder / "out.gguf");
  ASSERT_TRUE(converted) << converted.error().text();
  EXPECT_EQ(read_bytes(folder / "out.gguf"), read_bytes(in));
}

// Keys of every type go through a conversion byte for byte, lists included.
TEST(Convert, BlocksOf64BecomeBlocksOf128) {
  const TemporaryFolder folder;
  const std::string in = synthesized(folder), out = folder / "out.gguf";
  auto source = open_model_source(in);
  ASSERT_TRUE(source);
  ASSERT_TRUE(convert_to_gguf(from_blocks_of_64(source.take()), out, {}));
  const auto before = load_model(in, {.i2s_order = I2sOrder::blocks_of_64}),
             after = load_model(out, {.i2s_order = I2sOrder::blocks_of_128});
  ASSERT_TRUE(before && after);
  for (const WeightRole role : {WeightRole::query, WeightRole::key, WeightRole::down}) {
    const Tensor &a = before->matrix(role, 1), &b = after->matrix(role, 1);
    EXPECT_EQ(a.scale, b.scale);
    std::vector<int8_t> one(a.k), other(a.k);
    for (uint64_t row = 0; row < a.n; ++row) {
      read_numbers(a, row, one);
      read_numbers(b, row, other);
      ASSERT_EQ(one, other);
    }
  }
}

TEST(Convert, ForeignKeysAreCarriedOver) {
  const TemporaryFolder folder;
  const auto whole = open_model_file(synthesized(folder));
  ASSERT_TRUE(whole);
  ModelSource source = source_of(*whole);
  for (const MetadataValue& value :
       {MetadataValue(uint8_t{1}), MetadataValue(int8_t{-1}), MetadataValue(uint16_t{2}),
        MetadataValue(int16_t{-2}), MetadataValue(uint64_t{3}), MetadataValue(int64_t{-3}),
        MetadataValue(1.5), MetadataValue(true)}) {
    source.metadata.emplace_back("custom." + std::string(name_of(type_of(value))), value);
  }
  ASSERT_TRUE(convert_to_gguf(source, folder / "out.gguf", {}));
  const auto out = open_model_file(folder / "out.gguf");
  ASSERT_TRUE(out);
  EXPECT_EQ(std::get<int16_t>(*out->find("custom.i16")), -2);
  EXPECT_EQ(std::get<double>(*out->find("custom.f64")), 1.5);
  EXPECT_EQ(std::get<uint64_t>(*out->find("custom.u64")), 3u);
  EXPECT_EQ(std::get<bool>(*out->find("custom.bool")), true);
  const auto tokens = *get_strings(*out, "tokenizer.ggml.tokens");
  EXPECT_EQ(tokens, *get_strings(*whole, "tokenizer.ggml.tokens"));
}

TEST(Convert, FoldersAndBack) {
  const TemporaryFolder folder;
  const std::string in = synthesized(folder);
  ASSERT_TRUE(convert_to_folder(in, folder / "hf"));
  expect_same_tensors(in, folder / "hf");
  const auto model = load_model(folder / "hf");
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->vocabulary.tokens.size(), 1024u);

  ASSERT_TRUE(convert(folder / "hf", folder / "back.gguf"));
  expect_same_tensors(in, folder / "back.gguf");
  EXPECT_THAT(convert_to_folder(in, folder / "hf").error().text(), HasSubstr("it exists already"));
}

// MiniCPM's factors come back from its config.json, whether the source states them or not.
TEST(Convert, FoldersOfMiniCpmHaveItsFactors) {
  const TemporaryFolder folder;
  ASSERT_TRUE(synthesize_model(folder / "in.gguf", *find_synth_shape("tiny-minicpm"), {.seed = 8}));
  const auto whole = open_model_file(folder / "in.gguf");
  ASSERT_TRUE(whole);
  ModelSource source = source_of(*whole);
  const auto float_of = [](const Expected<GgufFile>& file, const char* key) {
    return static_cast<float>(*get_number(*file, key));
  };
  ASSERT_TRUE(convert_to_hf(source, folder / "defaults", {}));
  const auto defaults = open_model_file(folder / "defaults");
  ASSERT_TRUE(defaults) << defaults.error().text();
  EXPECT_EQ(float_of(defaults, "minicpm.embedding_scale"), 12);
  EXPECT_EQ(float_of(defaults, "minicpm.residual_scale"), 1.4f / std::sqrt(2.0f));
  EXPECT_EQ(float_of(defaults, "minicpm.logit_scale"), 1);  // a width of 256, divided by 256

  source.metadata.emplace_back("minicpm.embedding_scale", 7.3f);
  source.metadata.emplace_back("minicpm.residual_scale", 0.31f);
  source.metadata.emplace_back("minicpm.logit_scale", 3.7f);
  const auto written = convert_to_hf(source, folder / "stated", {});
  ASSERT_TRUE(written) << written.error().text();
  const auto stated = open_model_file(folder / "stated");
  ASSERT_TRUE(stated) << stated.error().text();
  EXPECT_EQ(float_of(stated, "minicpm.embedding_scale"), 7.3f);
  EXPECT_EQ(float_of(stated, "minicpm.residual_scale"), 0.31f);
  EXPECT_EQ(float_of(stated, "minicpm.logit_scale"), 3.7f);
  expect_same_tensors(folder / "in.gguf", folder / "stated");
}

// The bytes of a checkpoint come back, permuted queries and keys too.
TEST(Convert, CheckpointsComeBack) {
  const TemporaryFolder folder, other;
  ordered_json config = small_config();
  config["architectures"] = {"LlamaForCausalLM"};
  config["hidden_act"] = "silu";
  SafetensorsBytes tensors = small_tensors();
  write_folder(folder, config, tensors);
  const Status converted = convert_to_folder(folder.path().string(), other / "hf");
  ASSERT_TRUE(converted) << converted.error().text();
  auto before = parse_safetensors(map_file(folder / "model.safetensors").take());
  auto after = parse_safetensors(map_file((other / "hf") + "/model.safetensors").take());
  ASSERT_TRUE(before && after);
  ASSERT_EQ(before->tensors.size(), after->tensors.size());
  for (const SafetensorsTensor& tensor : before->tensors) {
    const SafetensorsTensor* found = after->find(tensor.name);
    ASSERT_TRUE(found) << tensor.name;
    EXPECT_EQ(found->type, tensor.type) << tensor.name;
    EXPECT_EQ(found->shape, tensor.shape) << tensor.name;
    EXPECT_TRUE(std::ranges::equal(found->data, tensor.data)) << tensor.name;
  }
}

TEST(Convert, HeadsAsAsked) {
  const TemporaryFolder folder;
  const std::string in = synthesized(folder, TensorType::f32);
  ASSERT_TRUE(convert(in, folder / "q8.gguf", {.embedding = TensorType::q8_0}));
  const TemporaryFolder other;
  EXPECT_TRUE(
      synthesize_model(other / "q8.gguf", *find_synth_shape("tiny"), {.seed = 8, .head = TensorType::q8_0}));
  expect_same_tensors(other / "q8.gguf", folder / "q8.gguf");
  EXPECT_THAT(convert(in, folder / "x.gguf", {.embedding = TensorType::i2_s}).error().text(),
              HasSubstr("I2_S cannot be made of F32"));
}

// Every pair of types that can hold the same weights: there and back, and the bytes are the same.
TEST(Convert, EveryPairOfTypesIsWithoutLoss) {
  const TemporaryFolder folder;
  std::vector<TensorType> types;
  for (const TensorType type : convertible_types()) {
    if (type != TensorType::i2_s) types.push_back(type);
  }
  ASSERT_GE(types.size(), 7u);
  for (const TensorType first : types) {
    const std::string in = folder / (std::string(name_of(first)) + ".gguf");
    ASSERT_TRUE(synthesize_model(in, *find_synth_shape("tiny"), {.seed = 8, .layers = first}));
    for (const TensorType second : convertible_types()) {
      ASSERT_TRUE(convert(in, folder / "there.gguf", {.ternary = second}))
          << name_of(first) << name_of(second);
      const auto model = load_model(folder / "there.gguf");
      ASSERT_TRUE(model) << model.error().text();
      EXPECT_EQ(model->matrix(WeightRole::down, 0).type, second);
      ASSERT_TRUE(convert(folder / "there.gguf", folder / "back.gguf", {.ternary = first}));
      expect_same_tensors(in, folder / "back.gguf");
    }
  }
}

// A scale for each group of 64 is one for 64 inputs of any type, or refused.
TEST(Convert, LargerGroupsAreRefusedWhereTheyWouldChangeWeights) {
  const TemporaryFolder folder;
  SynthShape shape = *find_synth_shape("tiny");
  shape.architecture = "llama";
  ASSERT_TRUE(synthesize_model(folder / "in.gguf", shape, {.seed = 8, .layers = TensorType::q2_0}));
  EXPECT_THAT(convert(folder / "in.gguf", folder / "a.gguf", {.ternary = TensorType::pq2_0}).error().text(),
              HasSubstr("weights, which have other scales than others of their group"));
  ASSERT_TRUE(synthesize_model(folder / "pq.gguf", shape, {.seed = 8, .layers = TensorType::pq2_0}));
  ASSERT_TRUE(convert(folder / "pq.gguf", folder / "q.gguf", {.ternary = TensorType::q2_0}));
  ASSERT_TRUE(convert(folder / "q.gguf", folder / "back.gguf", {.ternary = TensorType::pq2_0}));
  expect_same_tensors(folder / "pq.gguf", folder / "back.gguf");
}

// What a format would lose is counted. Rows of two groups of 4 numbers.
TEST(Convert, CountsWhatWouldChange) {
  std::vector<std::vector<int8_t>> numbers = {{1, 0, -1, 1, 1, 1, 0, 0}, {0, 0, 0, 0, 1, -1, 0, 2}};
  std::vector<std::vector<float>> scales = {{0.5f, 0.5f}, {3.0f, 0.5f}};
  const TernaryRows rows{
      .n = 2, .k = 8, .group = 4, .tensor_scale = {}, .read = [&](uint64_t row, auto to, auto s) {
        std::ranges::copy(numbers[row], to.begin());
        std::ranges::copy(scales[row], s.begin());
      }};
  const TernaryFormat tensor{.type = TensorType::i2_s},
      groups{.type = TensorType::i2_s, .group = 4, .half_scales = true, .has_two = true};
  EXPECT_EQ(loss_in(rows, tensor).twos, 1u);
  EXPECT_EQ(loss_in(rows, tensor).mixed, 0u);  // the scale 3 belongs to zeros alone
  EXPECT_TRUE(loss_in(rows, groups).is_none());
  scales[0][1] = 0.25f;
  EXPECT_EQ(loss_in(rows, tensor).mixed, 2u);
  scales[0][1] = -0.5f;
  EXPECT_EQ(loss_in(rows, tensor).mixed, 0u);  // the numbers take the sign
  scales[0][1] = 0.1f;
  EXPECT_EQ(loss_in(rows, groups).rounded, 1u);
  EXPECT_NEAR(loss_in(rows, groups).largest_change, 2.4e-4, 1e-4);  // 0.1 as f16 is 0.09997559
}

// llama.cpp multiplies by norms of F32 alone.
TEST(Convert, NormsOfHalvesBecomeF32) {
  const TemporaryFolder folder;
  const auto whole = open_model_file(synthesized(folder));
  ASSERT_TRUE(whole);
  for (const TensorType type : {TensorType::f16, TensorType::bf16}) {
    ModelSource source = source_of(*whole);
    for (SourceTensor& tensor : source.tensors) {
      if (tensor.dims.size() != 1) continue;
      std::vector<float> ones(tensor.dims[0], 1.5f);
      std::vector<std::byte> halves(2 * ones.size());
      encode_row(type, ones, halves);
      tensor.type = type;
      tensor.read = [halves]() -> Expected<TensorBytes> { return TensorBytes(std::vector(halves)); };
    }
    ASSERT_TRUE(
        convert_to_gguf(source, folder / "out.gguf", {.ternary = TensorType::tq2_0, .allow_rounding = true}));
    const auto out = open_model_file(folder / "out.gguf");
    ASSERT_TRUE(out) << out.error().text();
    const GgufTensor* norm = out->find_tensor("output_norm.weight");
    ASSERT_TRUE(norm);
    EXPECT_EQ(norm->type, TensorType::f32);
    EXPECT_EQ(load<float>(norm->data.data()), 1.5f);
    EXPECT_EQ(load<float>(norm->data.data() + norm->data.size() - 4), 1.5f);
    EXPECT_TRUE(load_model(folder / "out.gguf"));
  }
}

TEST(Convert, TurnedWeightsAreRemarkedOn) {
  const TemporaryFolder folder;
  SynthShape shape = *find_synth_shape("tiny-qwen3");
  for (const uint32_t block : {0u, 64u}) {
    shape.rotation_block = block;
    shape.untied_head = true;
    ASSERT_TRUE(synthesize_model(folder / "in.gguf", shape, {.seed = 1, .layers = TensorType::pq2_0}));
    const auto source = open_model_source(folder / "in.gguf");
    ASSERT_TRUE(source);
    const auto remarks = convert_to_gguf(*source, folder / "out.gguf", {.ternary = TensorType::q2_0});
    ASSERT_TRUE(remarks) << remarks.error().text();
    ASSERT_EQ(remarks->size(), block == 0 ? 0u : 1u);
    if (block != 0) {
      EXPECT_THAT(remarks->front(), HasSubstr("the weights are turned"));
    }
  }
}

TEST(Convert, FoldersCannotSayThatWeightsAreTurned) {
  const TemporaryFolder folder;
  SynthShape shape = *find_synth_shape("tiny-qwen3");
  shape.rotation_block = 64;
  shape.untied_head = true;
  ASSERT_TRUE(synthesize_model(folder / "in.gguf", shape, {.seed = 1}));
  EXPECT_THAT(convert_to_folder(folder / "in.gguf", folder / "out").error().message,
              HasSubstr("the weights are turned"));
}

TEST(Convert, InterruptedLeavesNothing) {
  const TemporaryFolder folder, out;
  const std::string in = synthesized(folder);
  for (const int after : {0, 5, 20}) {
    int asked = 0;
    const ConvertOptions options{.interrupted = [&] { return asked++ >= after; }};
    EXPECT_EQ(convert(in, out / "a.gguf", options).error().kind, ErrorKind::interrupted);
    asked = 0;
    EXPECT_EQ(convert_to_folder(in, out / "a", options).error().kind, ErrorKind::interrupted);
    EXPECT_EQ(out.entries(), 0u);
  }
  EXPECT_THAT(convert(in, out / "none/a.gguf").error().text(), HasSubstr("cannot write"));
}

// A file-size limit stands for a full disk.
TEST(Convert, AFullDiskIsAnError) {
  const TemporaryFolder folder, out;
  const std::string in = synthesized(folder);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100000, 100000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const Status status = convert(in, out / "a.gguf");
    _exit(!status && status.error().kind == ErrorKind::machine ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(out.entries(), 0u);
}

// The memory of a conversion does not grow with the model: a limit on written memory that is a quarter of the
// file. (Mapped files do not count; sanitizers need more.)
TEST(Convert, NeedsLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need memory of their own";
#endif
  const TemporaryFolder folder;
  SynthShape shape = *find_synth_shape("tiny");
  shape.embedding_length = 1024;
  shape.head_dimension = 256;
  shape.feed_forward_length = 4096;
  shape.block_count = 16;
  ASSERT_TRUE(synthesize_model(folder / "in.gguf", shape, {.seed = 1}));
  const auto size = std::filesystem::file_size(folder / "in.gguf");
  ASSERT_GT(size, 50'000'000u);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{size / 4 + (64 << 20), size / 4 + (64 << 20)};
    setrlimit(RLIMIT_DATA, &limit);
    const Status status = convert_to_folder(folder / "in.gguf", folder / "hf");
    _exit(status && convert(folder / "hf", folder / "out.gguf") ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  expect_same_tensors(folder / "in.gguf", folder / "out.gguf");
}

}  // namespace
}  // namespace tern::runtime
