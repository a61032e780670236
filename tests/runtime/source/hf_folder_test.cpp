#include "runtime/source/hf_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/counter_random.h"
#include "runtime/model/model.h"
#include "runtime/source/config_json.h"
#include "runtime/source/model_file.h"
#include "runtime/tensor/i2_s.h"
#include "runtime/tensor/tensor_rows.h"
#include "tests/runtime/source/small_folder.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

int weight_at(const GgufTensor& tensor, uint64_t row, uint64_t column) {
  const CodeBits bits = bits_of(row * tensor.dims[0] + column, I2sOrder::blocks_of_128);
  return static_cast<int>(static_cast<unsigned>(tensor.data[bits.byte]) >> bits.shift & 3u) - 1;
}
float scale_of(const GgufTensor& tensor) {
  float scale;
  std::memcpy(&scale, &tensor.data[tensor.data.size() - 32], 4);
  return scale;
}

std::string refusal(const ordered_json& config, const SafetensorsBytes& tensors = small_tensors()) {
  const TemporaryFolder folder;
  write_folder(folder, config, tensors);
  const auto model = load_model(folder.path().string());
  return model ? std::string() : model.error().text();
}

TEST(HfFolder, PackedWeights) {
  const TemporaryFolder folder;
  write_folder(folder, small_config(), small_tensors());
  const auto model = load_model(folder.path().string());
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->hyperparameters.architecture, "bitnet-b1.58");
  EXPECT_EQ(model->hyperparameters.rope_base, 500000.0f);
  EXPECT_EQ(model->hyperparameters.head_count_kv, 1u);
  EXPECT_EQ(model->token_embedding().type, TensorType::bf16);
  EXPECT_EQ(model->norm(WeightRole::attention_norm, 0)[2], 3.0f);
  for (const char* name : {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.ffn_down.weight"}) {
    const GgufTensor& tensor = *model->file.find_tensor(name);
    EXPECT_EQ(scale_of(tensor), 0.5f);
    for (uint64_t r = 0; r < tensor.dims[1]; ++r) {
      for (uint64_t c = 0; c < tensor.dims[0]; ++c) ASSERT_EQ(weight_at(tensor, r, c), small_weight(r, c));
    }
  }
  EXPECT_TRUE(load_model(folder / "model.safetensors"));
}

TEST(HfFolder, BitLinearDividesByItsScale) {
  const TemporaryFolder folder;
  ordered_json config = small_config();
  config["quantization_config"].erase("linear_class");
  write_folder(folder, config, small_tensors());
  const auto model = load_model(folder.path().string());
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->matrix(WeightRole::query, 0).scale, 2.0f);
}

// Rows of queries and keys in files of architecture llama are in another order than in the checkpoint:
// row h*d + 2i + p is the checkpoint's h*d + p*d/2 + i.
TEST(HfFolder, LlamaPermutesQueriesAndKeys) {
  const TemporaryFolder folder;
  ordered_json config = small_config();
  config["architectures"] = {"LlamaForCausalLM"};
  config["hidden_act"] = "silu";
  write_folder(folder, config, small_tensors());
  // The sub-norms are BitNet's own, but the tables of names know them for all.
  const auto file = open_model_file(folder.path().string());
  ASSERT_TRUE(file) << file.error().text();
  const GgufTensor &q = *file->find_tensor("blk.0.attn_q.weight"),
                   &v = *file->find_tensor("blk.0.attn_v.weight");
  for (uint64_t r = 0; r < 128; ++r) {
    const uint64_t head = r / 64, i = r % 64 / 2, p = r % 2;
    for (uint64_t c = 0; c < 128; ++c) ASSERT_EQ(weight_at(q, r, c), small_weight(head * 64 + p * 32 + i, c));
  }
  for (uint64_t r = 0; r < 64; ++r) ASSERT_EQ(weight_at(v, r, 5), small_weight(r, 5));
}

TEST(HfFolder, MastersAreQuantisedAsBitNetDoes) {
  SafetensorsTensor weights{.name = "w", .type = SafetensorsType::bf16, .shape = {1, 128}, .data = {}};
  std::vector<std::byte> bytes(256);
  // 64 times 1 and 64 times 0.5: the mean is 0.75, 0.5/0.75 rounds to 1. One weight is -0.25: a third, so 0.
  for (size_t i = 0; i < 128; ++i) {
    const uint16_t bits = ir::f32_to_bf16(i < 64 ? 1.0f : i == 100 ? -0.25f : i == 101 ? 0.75f : -0.5f);
    std::memcpy(&bytes[2 * i], &bits, 2);
  }
  weights.data = bytes;
  const auto made = quantize_masters(weights, nullptr);
  ASSERT_TRUE(made);
  GgufTensor tensor{
      .name = "w", .type = TensorType::i2_s, .rank = 2, .dims = {128, 1, 1, 1}, .offset = 0, .data = *made};
  EXPECT_EQ(weight_at(tensor, 0, 0), 1);
  EXPECT_EQ(weight_at(tensor, 0, 64), -1);
  EXPECT_EQ(weight_at(tensor, 0, 100), 0);
  EXPECT_EQ(weight_at(tensor, 0, 101), 1);
  EXPECT_EQ(scale_of(tensor), 0.75f);

  const uint16_t nan = 0x7fc0;
  std::memcpy(&bytes[20], &nan, 2);
  EXPECT_THAT(quantize_masters(weights, nullptr).error().message, HasSubstr("not finite in row 0"));
}

// A folder of Qwen3 whose weights are ternary, a scale for each `group` of a row, but written out as BF16.
ordered_json qwen3_config() {
  ordered_json config = small_config();
  config["architectures"] = {"Qwen3ForCausalLM"};
  config["model_type"] = "qwen3";
  config["hidden_act"] = "silu";
  config["head_dim"] = 64;
  config.erase("quantization_config");
  return config;
}

float unpacked_weight(uint64_t r, uint64_t c, uint64_t group) {
  return static_cast<float>(small_weight(r, c)) * (0.25f + 0.125f * static_cast<float>((r + c / group) % 5));
}

SafetensorsBytes qwen3_tensors(uint64_t group) {
  SafetensorsBytes file;
  const std::string layer = "model.layers.0.";
  file.floats("model.embed_tokens.weight", {4, 128},
              [](size_t i) { return 0.125f * static_cast<float>(i % 7); });
  file.floats("model.norm.weight", {128}, [](size_t) { return 1.0f; });
  for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
    file.floats(layer + norm + ".weight", {128}, [](size_t) { return 1.0f; });
  for (const char* norm : {"self_attn.q_norm", "self_attn.k_norm"})
    file.floats(layer + norm + ".weight", {64}, [](size_t) { return 1.0f; });
  const std::map<std::string, uint64_t> matrices = {{"self_attn.q_proj", 128},
                                                    {"self_attn.k_proj", 64},
                                                    {"self_attn.v_proj", 64},
                                                    {"self_attn.o_proj", 128}};
  for (const auto& [name, n] : matrices)
    file.floats(layer + name + ".weight", {n, 128},
                [group](size_t i) { return unpacked_weight(i / 128, i % 128, group); });
  return file;
}

void add_feed_forward(SafetensorsBytes& file, uint64_t group) {
  for (const char* name : {"gate_proj", "up_proj", "down_proj"})
    file.floats(fmt::format("model.layers.0.mlp.{}.weight", name), {128, 128},
                [group](size_t i) { return unpacked_weight(i / 128, i % 128, group); });
}

TEST(HfFolder, FloatsThatAreTernaryAreRead) {
  for (const auto& [group, type] : {std::pair{128, TensorType::pq2_0}, {64, TensorType::q2_0}}) {
    const TemporaryFolder folder;
    SafetensorsBytes tensors = qwen3_tensors(static_cast<uint64_t>(group));
    add_feed_forward(tensors, static_cast<uint64_t>(group));
    write_folder(folder, qwen3_config(), tensors);
    const auto model = load_model(folder.path().string());
    ASSERT_TRUE(model) << model.error().text();
    EXPECT_EQ(model->token_embedding().type, TensorType::bf16);  // three magnitudes and more in a group
    const GgufTensor& query = *model->file.find_tensor("blk.0.attn_q.weight");
    ASSERT_EQ(query.type, type);
    std::vector<float> row(128);
    for (uint64_t r = 0; r < 128; ++r) {
      const uint64_t bytes = query.data.size() / 128;
      decode_row(query.type, query.data.subspan(r * bytes, bytes), row);
      for (uint64_t c = 0; c < 128; ++c)
        ASSERT_EQ(row[c], unpacked_weight(r, c, static_cast<uint64_t>(group)));
    }
  }
}

// One weight that is not ternary, and one scale that F16 does not hold: the matrix stays as it is, which no
// layer can be.
TEST(HfFolder, FloatsThatAreNotTernaryStay) {
  for (const float value : {0.3125f, 0x1p-30f}) {
    const TemporaryFolder folder;
    SafetensorsBytes tensors = qwen3_tensors(128);
    for (const char* name : {"gate_proj", "up_proj", "down_proj"})
      tensors.floats(fmt::format("model.layers.0.mlp.{}.weight", name), {128, 128}, [value](size_t i) {
        return i / 128 == 126 && (value < 0.1f || i % 128 == 127) ? value
                                                                  : unpacked_weight(i / 128, i % 128, 128);
      });
    write_folder(folder, qwen3_config(), tensors);
    const auto model = load_model(folder.path().string());
    ASSERT_FALSE(model);
    EXPECT_THAT(model.error().text(), HasSubstr("tensor 'blk.0.ffn_gate.weight': has type BF16"));
  }
}

TEST(HfFolder, ExpertsBecomeOneTensor) {
  ordered_json config = qwen3_config();
  config["architectures"] = {"Qwen3MoeForCausalLM"};
  config["model_type"] = "qwen3_moe";
  config["num_experts"] = 3;
  config["num_experts_per_tok"] = 2;
  config["moe_intermediate_size"] = 64;
  config["norm_topk_prob"] = true;
  config["decoder_sparse_step"] = 1;
  const auto weight = [](uint64_t expert, size_t i, uint64_t k) {
    return unpacked_weight(i / k + expert, i % k, 64);
  };
  const auto add_experts = [&](SafetensorsBytes& file, uint64_t first, uint64_t last) {
    for (uint64_t expert = first; expert < last; ++expert) {
      const std::string prefix = fmt::format("model.layers.0.mlp.experts.{}.", expert);
      for (const char* name : {"gate_proj", "up_proj"})
        file.floats(prefix + name + ".weight", {64, 128}, [&](size_t i) { return weight(expert, i, 128); });
      file.floats(prefix + "down_proj.weight", {128, 64}, [&](size_t i) { return weight(expert, i, 64); });
    }
  };
  SafetensorsBytes tensors = qwen3_tensors(128);
  tensors.floats("model.layers.0.mlp.gate.weight", {3, 128},
                 [](size_t i) { return static_cast<float>(i % 9); });
  SafetensorsBytes missing = tensors, beyond = tensors;
  add_experts(tensors, 0, 3);
  const TemporaryFolder folder;
  write_folder(folder, config, tensors);
  const auto model = load_model(folder.path().string());
  ASSERT_TRUE(model) << model.error().text();
  const GgufTensor& router = *model->file.find_tensor("blk.0.ffn_gate_inp.weight");
  EXPECT_EQ(router.type, TensorType::f32);
  const GgufTensor& down = *model->file.find_tensor("blk.0.ffn_down_exps.weight");
  EXPECT_THAT(down.dims, ::testing::ElementsAre(64, 128, 3, 1));
  ASSERT_EQ(down.type, TensorType::q2_0);
  std::vector<float> row(64);
  for (uint64_t r = 0; r < 3 * 128; ++r) {
    const uint64_t bytes = down.data.size() / (3 * 128);
    decode_row(down.type, down.data.subspan(r * bytes, bytes), row);
    for (uint64_t c = 0; c < 64; ++c) ASSERT_EQ(row[c], weight(r / 128, r % 128 * 64 + c, 64));
  }

  add_experts(missing, 0, 2);
  EXPECT_THAT(refusal(config, missing),
              HasSubstr("the matrix of expert 2 of 'blk.0.ffn_down_exps.weight' is missing"));
  add_experts(beyond, 0, 4);
  EXPECT_THAT(refusal(config, beyond), HasSubstr("there are 3 experts by config.json"));
}

TEST(HfFolder, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(refusal(small_config()), "");
  const auto with = [](const char* key, const ordered_json& value) {
    ordered_json config = small_config();
    config[key] = value;
    return refusal(config);
  };
  EXPECT_THAT(with("architectures", {"GPT2LMHeadModel"}),
              HasSubstr("class 'GPT2LMHeadModel'; supported are"));
  EXPECT_THAT(with("logit_scale", 2), HasSubstr("key 'logit_scale' is 2; Tern does not know it"));
  EXPECT_EQ(with("attention_bias", false), "");
  EXPECT_THAT(with("attention_bias", true), HasSubstr("attention_bias"));
  EXPECT_THAT(with("hidden_act", "gelu"), HasSubstr("must be 'relu2' or 'silu'"));
  EXPECT_THAT(with("num_attention_heads", 3), HasSubstr("does not divide the width"));
  EXPECT_THAT(with("hidden_size", -1), HasSubstr("'hidden_size' is -1"));
  EXPECT_THAT(with("hidden_size", "128"), HasSubstr("is no integer"));
  EXPECT_THAT(with("rope_scaling", {{"rope_type", "longrope"}}),
              HasSubstr("'longrope', which is not supported"));
  EXPECT_THAT(with("quantization_config", {{"quant_method", "gptq"}}), HasSubstr("is 'gptq', not 'bitnet'"));
  EXPECT_THAT(with("vocab_size", 2), HasSubstr("tokens"));
  EXPECT_THAT(with("tie_word_embeddings", false), HasSubstr("lm_head.weight' is missing"));

  SafetensorsBytes tensors = small_tensors();
  tensors.floats("model.layers.0.self_attn.q_proj.bias", {128}, [](size_t) { return 0.0f; });
  EXPECT_THAT(refusal(small_config(), tensors), HasSubstr("q_proj.bias': has no known role"));
  tensors = small_tensors();
  tensors.floats("model.layers.7.input_layernorm.weight", {128}, [](size_t) { return 0.0f; });
  EXPECT_THAT(refusal(small_config(), tensors), HasSubstr("has no known role"));
  tensors = small_tensors();
  tensors.floats("model.layers.0.x.weight_scale", {1}, [](size_t) { return 0.0f; });
  EXPECT_THAT(refusal(small_config(), tensors), HasSubstr("no matrix that it scales"));
  tensors = small_tensors();
  tensors.header.erase("model.norm.weight");
  EXPECT_THAT(refusal(small_config(), tensors), HasSubstr("are nobody's"));
}

TEST(HfFolder, RopeScalingOfLlama3) {
  ordered_json config = small_config();
  config["architectures"] = {"LlamaForCausalLM"};
  config["hidden_act"] = "silu";
  config["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 8.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 8192}};
  const auto read = read_config_json(config.dump(), "config.json");
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_EQ(read->rope_divisors.size(), 32u);
  EXPECT_EQ(read->rope_divisors.front(), 1.0f);  // a wavelength of 6 positions
  EXPECT_EQ(read->rope_divisors.back(), 8.0f);   // of two million
  // Pair 17: w = 2 pi 500000^(34/64) = 6693.6, between 8192/4 and 8192; s = (8192/w - 1)/3, c = 1/((1-s)/8 +
  // s).
  const double w = 2 * M_PI * std::pow(500000.0, 34.0 / 64), s = (8192 / w - 1) / 3;
  EXPECT_NEAR(read->rope_divisors[17], 1 / ((1 - s) / 8 + s), 1e-5);

  config["rope_scaling"] = {{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}};
  const auto yarn = read_config_json(config.dump(), "config.json");
  ASSERT_TRUE(yarn) << yarn.error().text();
  EXPECT_TRUE(yarn->rope_divisors.empty());
  const auto has = [&](const std::string& key, const GgufValue& value) {
    return std::ranges::any_of(yarn->metadata, [&](const auto& entry) {
      return entry.first == key && entry.second.index() == value.index();
    });
  };
  EXPECT_TRUE(has("llama.rope.scaling.type", std::string("yarn")));
  EXPECT_TRUE(has("llama.rope.scaling.original_context_length", 32u));
}

// Damaged folders are refused, with the file, or load; the sanitizers notice the rest.
TEST(HfFolder, DamagedSafetensors) {
  const TemporaryFolder folder;
  write_folder(folder, small_config(), small_tensors());
  const std::vector<std::byte> good = read_bytes(folder / "model.safetensors");
  const size_t header = good.size() - 20000;  // most of the text before the data
  const RandomStream random(21, "safetensors");
  int loaded = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    std::vector<std::byte> bytes = good;
    const uint64_t where = random.bits(3 * i), what = random.bits(3 * i + 1);
    const size_t range = i % 4 == 3 ? bytes.size() : std::min<size_t>(bytes.size() - header + 4096, 4096);
    if (i % 10 == 9) {
      bytes.resize(where % bytes.size());
    } else if (i % 3 == 0) {
      bytes[where % range] ^= static_cast<std::byte>(1u << what % 8);
    } else {
      // A digit, bracket or quote in the place of another.
      constexpr std::string_view signs = "0123456789[]{}\",:-eE.";
      bytes[8 + where % (range - 8)] = static_cast<std::byte>(signs[what % signs.size()]);
    }
    if (bytes.empty()) continue;
    write_file(folder / "model.safetensors", bytes);
    const auto model = load_model(folder.path().string());
    loaded += static_cast<bool>(model);
    if (!model) {
      EXPECT_THAT(model.error().text(), HasSubstr(folder.path().string()));
    }
  }
  EXPECT_GT(loaded, 0);
  EXPECT_LT(loaded, 1000);
}

TEST(HfFolder, DamagedConfigs) {
  const std::string good = small_config().dump();
  const RandomStream random(22, "config");
  int read = 0;
  constexpr uint64_t mutations = 300;
  for (uint64_t i = 0; i < mutations; ++i) {
    std::string text = good;
    constexpr std::string_view signs = "0123456789[]{}\",:-eE.";
    const uint64_t where = random.bits(2 * i), what = random.bits(2 * i + 1);
    if (i % 3 == 0)
      text[where % text.size()] = static_cast<char>(what);
    else if (i % 3 == 1)
      text[where % text.size()] = signs[what % signs.size()];
    else
      text.erase(where % text.size(), what % 20);
    const auto config = read_config_json(text, "config.json");
    read += static_cast<bool>(config);
    if (!config) {
      EXPECT_EQ(config.error().where.file, "config.json");
    }
  }
  EXPECT_GT(read, 0);
  EXPECT_LT(read, static_cast<int>(mutations));
}

}  // namespace
}  // namespace tern::runtime
