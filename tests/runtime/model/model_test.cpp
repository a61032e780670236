#include "runtime/model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "ir/half.h"
#include "runtime/model/model_cost.h"
#include "small_model.h"

namespace tern::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// ---- what is right ----

TEST(Model, LoadsTheFileOfAnotherProgram) {
  const auto model = load_model(TERN_SOURCE_DIR "/tests/data/oracle/random-256.gguf");
  ASSERT_TRUE(model) << model.error().text();
  const Hyperparameters expected{.architecture = "bitnet-b1.58",
                                 .vocabulary_size = 640,
                                 .context_length = 2048,
                                 .embedding_length = 256,
                                 .block_count = 2,
                                 .feed_forward_length = 512,
                                 .head_count = 2,
                                 .head_count_kv = 2,
                                 .head_dimension = 128,
                                 .rope_dimension = 128,
                                 .rope_base = 500000,
                                 .rms_epsilon = 1e-5f,
                                 .activation = Activation::squared_relu,
                                 .rope_style = RopeStyle::neox,
                                 .sub_norms = true,
                                 .tied_head = true};
  EXPECT_EQ(model->hyperparameters, expected);
  EXPECT_TRUE(model->warnings.empty());
  EXPECT_EQ(model->token_embedding().type, TensorType::f16);
  ASSERT_EQ(model->layers.size(), 2u);
  EXPECT_EQ(model->matrix(WeightRole::down, 1).k, 512u);
  EXPECT_EQ(model->matrix(WeightRole::down, 1).n, 256u);
  EXPECT_EQ(model->norm(WeightRole::feed_forward_sub_norm, 1).size(), 512u);
  EXPECT_EQ(model->vocabulary.tokens[637], "<|end|>");
  EXPECT_EQ(model->vocabulary.end_of_text, 637u);
  EXPECT_EQ(model->vocabulary.merges.back(), "n p");
}

TEST(Model, GivesEachTensorItsRole) {
  const auto model = SmallModel().load();
  ASSERT_TRUE(model) << model.error().text();
  const Weights& layer = model->layers.at(0);
  std::vector<std::string_view> names;
  for (const auto& [role, matrix] : layer.matrices) names.push_back(matrix.name);
  EXPECT_THAT(names, ElementsAre("blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight",
                                 "blk.0.attn_output.weight", "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight",
                                 "blk.0.ffn_down.weight"));
  const Tensor& key = model->matrix(WeightRole::key, 0);
  EXPECT_EQ(key.n, 64u);
  EXPECT_EQ(key.k, 128u);
  EXPECT_EQ(key.data.size(), 64u * 128 / 4);
  EXPECT_EQ(key.scale, 0.5f);
  EXPECT_EQ(model->norm(WeightRole::feed_forward_sub_norm, 0), std::vector<float>(256, 1.0f));
  EXPECT_EQ(model->head().data.data(), model->token_embedding().data.data());
}

TEST(Model, ArchitecturesDiffer) {
  EXPECT_EQ(SmallModel("bitnet-b1.58").load()->hyperparameters.activation, Activation::squared_relu);
  EXPECT_EQ(SmallModel("bitnet-25").load()->hyperparameters.activation, Activation::squared_relu);
  EXPECT_EQ(SmallModel("bitnet").load()->hyperparameters.activation, Activation::silu);
  EXPECT_THAT(
      SmallModel("mamba").refusal(),
      HasSubstr("has the architecture 'mamba'; supported are bitnet-b1.58, bitnet-25, bitnet, llama, "));
}

// 1bitLLM's models under the name of 2B4T's architecture.
TEST(Model, KnowsOneBitLlmModelsByTheirSizes) {
  SmallModel small;
  small.set(small.prefix() + "block_count", uint32_t{24});
  small.set(small.prefix() + "vocab_size", uint32_t{32002});
  small.set("tokenizer.ggml.tokens", std::vector<std::string>(32002, "t"));
  small.floats("token_embd.weight", TensorType::f32, {128, 32002}, 0.25f);
  for (int i = 1; i < 24; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    for (const char* name : {"attn_norm", "attn_sub_norm", "ffn_norm"}) {
      small.floats(block + name + ".weight", TensorType::f32, {128}, 1);
    }
    small.floats(block + "ffn_sub_norm.weight", TensorType::f32, {256}, 1);
    for (const char* name : {"attn_q", "attn_output"}) small.ternary(block + name + ".weight", 128, 128);
    for (const char* name : {"attn_k", "attn_v"}) small.ternary(block + name + ".weight", 64, 128);
    for (const char* name : {"ffn_gate", "ffn_up"}) small.ternary(block + name + ".weight", 256, 128);
    small.ternary(block + "ffn_down.weight", 128, 256);
  }
  EXPECT_EQ(small.load()->hyperparameters.activation, Activation::squared_relu);
  small.set("tokenizer.ggml.model", std::string("llama"));
  EXPECT_EQ(small.load()->hyperparameters.activation, Activation::silu);
}

// The key, if a file has it, is believed before the sizes.
TEST(Model, KnowsTheActivationByItsKey) {
  SmallModel small("bitnet");
  small.set("bitnet.hidden_activation", std::string("relu2"));
  EXPECT_EQ(small.load()->hyperparameters.activation, Activation::squared_relu);
  small.set("bitnet.hidden_activation", std::string("gelu_pytorch_tanh"));
  EXPECT_EQ(small.load()->hyperparameters.activation, Activation::gelu);
  small.set("bitnet.hidden_activation", std::string("tanh"));
  EXPECT_EQ(small.refusal(), "the activation 'tanh' is not supported; it must be relu2, silu or gelu");
}

TEST(Model, RefusesKeysThatItDoesNotKnow) {
  SmallModel small;
  small.set(small.prefix() + "rope.dimension_sections", uint32_t{4});
  EXPECT_EQ(small.refusal(),
            "key 'bitnet-b1.58.rope.dimension_sections' is not known: it may change what the model "
            "computes");
  small.erase(small.prefix() + "rope.dimension_sections");
  small.set(small.prefix() + "embedding_scale", 12.0f);  // of another family
  EXPECT_THAT(small.refusal(), HasSubstr("'bitnet-b1.58.embedding_scale' is not known"));
  small.erase(small.prefix() + "embedding_scale");
  small.set("prism.hadamard.version", uint32_t{1});
  EXPECT_EQ(small.refusal(),
            "key 'prism.hadamard.version' changes what the model computes, and is not supported");
  small.erase("prism.hadamard.version");
  small.set("general.something", uint32_t{1});
  EXPECT_EQ(small.refusal(), "");
  small.set(small.prefix() + "attention.causal", false);
  EXPECT_EQ(small.refusal(), "attention that sees later tokens is not supported");
}

TEST(Model, ReadsHowAnglesAreScaled) {
  SmallModel small;
  const auto scaling = [&] { return small.load()->hyperparameters.rope_scaling; };
  EXPECT_EQ(scaling(), RopeScaling());
  small.set(small.prefix() + "rope.scaling.factor", 4.0f);
  EXPECT_EQ(scaling(), (RopeScaling{.divisor = 4}));
  small.set(small.prefix() + "rope.scaling.type", std::string("none"));
  EXPECT_EQ(scaling(), RopeScaling());
  small.set(small.prefix() + "rope.scaling.type", std::string("yarn"));
  EXPECT_THAT(small.refusal(), HasSubstr("original_context_length' is missing"));
  small.set(small.prefix() + "rope.scaling.original_context_length", uint32_t{16});
  EXPECT_EQ(scaling(), (RopeScaling{.divisor = 4, .context = 16}));
  small.set(small.prefix() + "rope.scaling.type", std::string("longrope"));
  small.floats("rope_factors_short.weight", TensorType::f32, {32}, 2);
  small.floats("rope_factors_long.weight", TensorType::f32, {32}, 3);
  EXPECT_EQ(scaling(), (RopeScaling{.divisors = WeightRole::rope_divisors_short}));
  const auto model = small.load();
  EXPECT_EQ(model->hyperparameters.context_length, 16u);
  EXPECT_EQ(model->norm(WeightRole::rope_divisors_short), std::vector<float>(32, 2.0f));
  small.floats("rope_factors_short.weight", TensorType::f32, {32}, -2);
  EXPECT_THAT(small.refusal(), HasSubstr("'rope_factors_short.weight': element 0 is -2"));
}

TEST(Model, UsesTheHeadThatTheFileHas) {
  SmallModel small;
  small.floats("output.weight", TensorType::f32, {128, 4}, 0.75f);
  const auto model = small.load();
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_FALSE(model->hyperparameters.tied_head);
  EXPECT_EQ(model->head().name, "output.weight");
}

TEST(Model, HeadsMayHaveALengthOfTheirOwn) {
  SmallModel small;
  small.set(small.prefix() + "attention.key_length", uint32_t{128});
  small.set(small.prefix() + "attention.value_length", uint32_t{128});
  small.ternary("blk.0.attn_q.weight", 256, 128);
  small.ternary("blk.0.attn_k.weight", 128, 128);
  small.ternary("blk.0.attn_v.weight", 128, 128);
  small.ternary("blk.0.attn_output.weight", 128, 256);
  small.floats("blk.0.attn_sub_norm.weight", TensorType::f32, {256}, 1);
  const auto model = small.load();
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->hyperparameters.head_dimension, 128u);
  EXPECT_EQ(model->hyperparameters.rope_dimension, 64u);
}

TEST(Model, ConvertsHalfPrecisionNorms) {
  SmallModel small;
  std::vector<std::byte> bytes(256);
  const uint16_t value = ir::f32_to_f16(1.5f);
  for (size_t i = 0; i < 128; ++i) std::memcpy(&bytes[2 * i], &value, 2);
  small.tensor("output_norm.weight", TensorType::f16, {128}, bytes);
  const auto model = small.load();
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->norm(WeightRole::output_norm), std::vector<float>(128, 1.5f));
}

TEST(Model, AFactorOfTheOutputIsPartOfTheScale) {
  SmallModel small;
  small.floats("blk.0.attn_q.scale", TensorType::f32, {1}, 3);
  EXPECT_EQ(small.load()->matrix(WeightRole::query, 0).scale, 1.5f);
}

TEST(Model, CarriesTheOrderOfTheCodes) {
  EXPECT_EQ(SmallModel().load()->matrix(WeightRole::up, 0).order, I2sOrder::blocks_of_128);
  EXPECT_EQ(SmallModel().load({.i2s_order = I2sOrder::blocks_of_64})->matrix(WeightRole::up, 0).order,
            I2sOrder::blocks_of_64);
}

TEST(Model, WarnsOfZeros) {
  SmallModel small;
  auto& codes = small.data("blk.0.ffn_up.weight");
  std::fill(codes.begin(), codes.end() - 32, std::byte{0x55});
  EXPECT_THAT(small.load()->warnings, ElementsAre(HasSubstr("'blk.0.ffn_up.weight' holds only zeros")));
  const float nothing = 0;
  std::memcpy(&*(small.data("blk.0.attn_q.weight").end() - 32), &nothing, 4);
  EXPECT_EQ(small.load()->warnings.size(), 2u);
}

TEST(Model, Cost) {
  const ModelCost cost = cost_of(*SmallModel().load(), 10);
  EXPECT_EQ(cost.ternary_weights, 128u * 128 * 2 + 64u * 128 * 2 + 256u * 128 * 3);
  EXPECT_EQ(cost.layer_bytes, cost.ternary_weights / 4);
  EXPECT_EQ(cost.head_bytes, 128u * 4 * 4);
  EXPECT_EQ(cost.norm_weights, 128u * 4 + 256);
  EXPECT_EQ(cost.embedding_row_bytes, 128u * 4);
  EXPECT_EQ(cost.key_value_bytes, 10u * 2 * 64 * 2);
}

// ---- what is wrong ----

TEST(ModelRefuses, MissingFilesAndKeys) {
  const TemporaryFolder folder;
  EXPECT_THAT(load_model(folder / "none").error().text(), HasSubstr("none: cannot open the file"));
  for (const char* key : {"context_length", "embedding_length", "block_count", "feed_forward_length",
                          "attention.head_count", "attention.layer_norm_rms_epsilon"}) {
    SmallModel small;
    small.erase(small.prefix() + key);
    EXPECT_EQ(small.refusal(), "key 'bitnet-b1.58." + std::string(key) + "' is missing");
  }
  SmallModel small;
  small.erase("general.architecture");
  EXPECT_EQ(small.refusal(), "key 'general.architecture' is missing");
}

TEST(ModelRefuses, HyperparametersOutOfRange) {
  const auto with = [](const std::string& key, GgufValue value) {
    SmallModel small;
    small.set(small.prefix() + key, std::move(value));
    return small.refusal();
  };
  EXPECT_THAT(with("block_count", uint32_t{0}), HasSubstr("block_count' is 0, outside of 1 to 1024"));
  EXPECT_THAT(with("block_count", uint32_t{1000000}), HasSubstr("block_count' is 1000000"));
  EXPECT_THAT(with("block_count", 1.0f), HasSubstr("is of type f32, not a non-negative integer"));
  EXPECT_THAT(with("block_count", uint32_t{2}), HasSubstr("tensor 'blk.1.attn_norm.weight' is missing"));
  EXPECT_THAT(with("context_length", uint32_t{0xffffffff}), HasSubstr("context_length' is 4294967295"));
  EXPECT_THAT(with("attention.head_count", uint32_t{0}), HasSubstr("head_count' is 0"));
  EXPECT_THAT(with("attention.head_count", uint32_t{3}),
              HasSubstr("an embedding of 128 cannot be split into 3 heads"));
  EXPECT_THAT(with("attention.head_count_kv", uint32_t{4}),
              HasSubstr("2 heads cannot share 4 key-value heads"));
  EXPECT_THAT(with("rope.dimension_count", uint32_t{63}),
              HasSubstr("RoPE turns 63 elements of a head of 64"));
  EXPECT_THAT(with("rope.dimension_count", uint32_t{66}),
              HasSubstr("RoPE turns 66 elements of a head of 64"));
  EXPECT_THAT(with("attention.key_length", uint32_t{2}), HasSubstr("RoPE turns 64 elements of a head of 2"));
  EXPECT_THAT(with("rope.freq_base", std::numeric_limits<float>::infinity()), HasSubstr("freq_base' is inf"));
  EXPECT_THAT(with("rope.freq_base", -1.0f), HasSubstr("freq_base' is -1"));
  EXPECT_THAT(with("attention.layer_norm_rms_epsilon", std::numeric_limits<float>::quiet_NaN()),
              HasSubstr("is nan"));
  EXPECT_THAT(with("rope.scaling.type", std::string("su")), HasSubstr("RoPE scaling of type 'su'"));
  EXPECT_EQ(with("rope.scaling.type", std::string("linear")), "");
  EXPECT_THAT(with("vocab_size", uint32_t{5}), HasSubstr("has 4 entries for 5 tokens"));
}

TEST(ModelRefuses, ValuesAndKeysOfDifferentLengths) {
  SmallModel small;
  small.set(small.prefix() + "attention.key_length", uint32_t{64});
  small.set(small.prefix() + "attention.value_length", uint32_t{32});
  EXPECT_THAT(small.refusal(), HasSubstr("different lengths are not supported"));
}

TEST(ModelRefuses, Vocabularies) {
  const auto with = [](const std::string& key, GgufValue value) {
    SmallModel small;
    small.set("tokenizer.ggml." + key, std::move(value));
    return small.refusal();
  };
  using Strings = std::vector<std::string>;
  EXPECT_THAT(with("tokens", Strings{"a"}), HasSubstr("tokens' has 1 entries for 4 tokens"));
  EXPECT_THAT(with("tokens", uint32_t{4}), HasSubstr("is of type u32, not an array of strings"));
  EXPECT_THAT(with("scores", std::vector<float>(3)), HasSubstr("scores' has 3 entries"));
  EXPECT_THAT(with("scores", Strings{"a", "b", "c", "d"}),
              HasSubstr("is an array of string, not an array of f32"));
  EXPECT_THAT(with("scores", std::vector<float>(4, std::numeric_limits<float>::quiet_NaN())),
              HasSubstr("not a number"));
  EXPECT_THAT(with("token_type", std::vector<int32_t>{1, 1, 1}), HasSubstr("token_type' has 3 entries"));
  EXPECT_THAT(with("token_type", std::vector<int32_t>{1, 1, 1, 7}),
              HasSubstr("gives token 3 the unknown type 7"));
  EXPECT_THAT(with("token_type", std::vector<int32_t>{0, 1, 1, 1}),
              HasSubstr("gives token 0 the unknown type 0"));
  EXPECT_THAT(with("bos_token_id", uint32_t{4}), HasSubstr("bos_token_id' is 4, outside of 0 to 3"));
  EXPECT_THAT(with("eos_token_id", int32_t{-1}), HasSubstr("not a non-negative integer"));
  EXPECT_THAT(with("add_bos_token", uint32_t{2}), HasSubstr("is of type u32, not a bool"));
  // Neighbouring types whose meaning is clear, and padding that is none.
  EXPECT_EQ(with("add_bos_token", uint8_t{1}), "");
  EXPECT_EQ(with("padding_token_id", int32_t{-1}), "");
  EXPECT_EQ(with("padding_token_id", uint32_t{4294967295}), "");
  for (const char* merge : {"ab", " a", "a ", "a  b", "a b c", ""}) {
    EXPECT_THAT(with("merges", Strings{"a b", merge}),
                HasSubstr("has a merge, number 1, that is not two texts"))
        << merge;
  }
}

TEST(ModelRefuses, TensorsThatDoNotFit) {
  SmallModel missing;
  missing.erase_tensor("blk.0.ffn_down.weight");
  EXPECT_EQ(missing.refusal(), "tensor 'blk.0.ffn_down.weight' is missing");

  SmallModel transposed;
  transposed.ternary("blk.0.ffn_down.weight", 256, 128);
  EXPECT_EQ(transposed.refusal(),
            "tensor 'blk.0.ffn_down.weight': has the shape [128, 256, 1, 1] where the metadata "
            "imply [256, 128]");

  SmallModel narrow_norm;
  narrow_norm.floats("output_norm.weight", TensorType::f32, {127}, 1);
  EXPECT_THAT(narrow_norm.refusal(), HasSubstr("tensor 'output_norm.weight': has the shape [127, 1, 1, 1]"));

  SmallModel short_embedding;
  short_embedding.floats("token_embd.weight", TensorType::f32, {128, 3}, 1);
  EXPECT_THAT(short_embedding.refusal(), HasSubstr("imply [128, 4]"));
}

TEST(ModelRefuses, TypesThatCannotBeUsed) {
  SmallModel dense;
  dense.floats("blk.0.attn_q.weight", TensorType::f32, {128, 128}, 1);
  EXPECT_THAT(
      dense.refusal(),
      HasSubstr("tensor 'blk.0.attn_q.weight': has type F32; a matrix of whole numbers must be Q8_0, "));

  SmallModel embedding;
  embedding.ternary("token_embd.weight", 4, 128);
  EXPECT_THAT(embedding.refusal(), HasSubstr("has type I2_S; it must be F32, F16, BF16, Q8_0, "));

  SmallModel norm;
  norm.tensor("output_norm.weight", TensorType::q8_0, {128}, std::vector<std::byte>(136));
  EXPECT_THAT(norm.refusal(), HasSubstr("a vector must be F32, F16 or BF16"));
}

TEST(ModelRefuses, TensorsWithoutARole) {
  SmallModel bias;
  bias.floats("blk.0.attn_q.bias", TensorType::f32, {128}, 0);
  EXPECT_THAT(bias.refusal(), HasSubstr("tensor 'blk.0.attn_q.bias': biases are not supported"));
  SmallModel frequencies;
  frequencies.floats("rope_other.weight", TensorType::f32, {32}, 1);
  EXPECT_THAT(frequencies.refusal(),
              HasSubstr("'rope_other.weight': has no known role in models of architecture"));
}

TEST(ModelRefuses, ScalesOutOfRange) {
  for (const float scale :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1.0f, 1e30f}) {
    SmallModel small;
    std::memcpy(&*(small.data("blk.0.attn_v.weight").end() - 32), &scale, 4);
    EXPECT_THAT(small.refusal(), HasSubstr("tensor 'blk.0.attn_v.weight': its scale is"));
    SmallModel factor;
    factor.floats("blk.0.attn_q.scale", TensorType::f32, {1}, scale);
    EXPECT_EQ(factor.refusal() == "", scale == -1.0f);  // a factor may change the sign
  }
}

TEST(ModelRefuses, ACodeOfThree) {
  SmallModel small;
  // Row 2, column 69: in block 2, element 69 of the block, so byte 2 * 32 + 5, bits 3 and 2.
  small.data("blk.0.attn_q.weight")[2 * 32 + 5] |= std::byte{0b1100};
  EXPECT_EQ(small.refusal(),
            "tensor 'blk.0.attn_q.weight' holds the code 3, which stands for no weight, at row 2, column 69");
  EXPECT_EQ(small.refusal({.check_values = false}), "");
  const auto model = small.load({.check_values = false});
  EXPECT_FALSE(check_values(model->matrix(WeightRole::query, 0), "small.gguf"));
  EXPECT_TRUE(check_values(model->matrix(WeightRole::key, 0), "small.gguf"));
}

TEST(ModelRefuses, FloatsThatAreNotFinite) {
  const float bad = std::numeric_limits<float>::infinity();
  SmallModel norm;
  std::memcpy(&norm.data("blk.0.attn_norm.weight")[4 * 7], &bad, 4);
  EXPECT_EQ(norm.refusal(), "tensor 'blk.0.attn_norm.weight': element 7 is inf");
  SmallModel embedding;
  std::memcpy(&embedding.data("token_embd.weight")[4 * (128 + 3)], &bad, 4);
  EXPECT_EQ(embedding.refusal(),
            "tensor 'token_embd.weight' holds a value that is not finite at row 1, column 3");

  SmallModel blocks;
  std::vector<std::byte> bytes(4 * 4 * 34);
  bytes[34 * 6 + 1] = std::byte{0x7e};  // NaN as the scale of the block at row 1, column 64
  blocks.tensor("token_embd.weight", TensorType::q8_0, {128, 4}, bytes);
  EXPECT_THAT(blocks.refusal(), HasSubstr("not finite at row 1, column 64"));

  SmallModel half;
  std::vector<std::byte> halves(4 * 128 * 2);
  halves[2 * 511 + 1] = std::byte{0x7f};
  half.tensor("token_embd.weight", TensorType::f16, {128, 4}, halves);
  EXPECT_THAT(half.refusal(), HasSubstr("not finite at row 3, column 127"));
  half.tensor("token_embd.weight", TensorType::bf16, {128, 4}, halves);
  EXPECT_EQ(half.refusal(), "");  // 0x7f00 is finite as bf16
  halves[2 * 511] = std::byte{0x80};
  half.tensor("token_embd.weight", TensorType::bf16, {128, 4}, halves);
  EXPECT_THAT(half.refusal(), HasSubstr("not finite at row 3, column 127"));
}

}  // namespace
}  // namespace tern::runtime
