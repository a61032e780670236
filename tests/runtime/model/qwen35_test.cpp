// What files of Qwen3.5 may say, and weights in turned coordinates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file_mapping.h"
#include "runtime/gguf/gguf_write.h"
#include "runtime/model/model.h"
#include "runtime/model/synth.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

// A synthetic model whose keys and names of tensors a test can change.
class Changed : public testing::Test {
 protected:
  void begin(std::string_view shape) { begin(*find_synth_shape(shape)); }
  void begin(const SynthShape& shape) {
    const Status written = synthesize_model(folder_ / "whole.gguf", shape, {.seed = 3});
    ASSERT_TRUE(written) << written.error().text();
    Expected<FileMapping> mapping = map_file(folder_ / "whole.gguf");
    ASSERT_TRUE(mapping);
    file_.emplace(parse_gguf(mapping.take()).take());
    header_ = {};
    for (const Metadatum& each : file_->metadata) header_.metadata.emplace_back(each.key, each.value);
    for (const GgufTensor& each : file_->tensors) {
      const auto rank = static_cast<std::ptrdiff_t>(each.rank);
      header_.tensors.push_back({std::string(each.name), each.type,
                                 std::vector<uint64_t>(each.dims.begin(), each.dims.begin() + rank)});
    }
  }

  void erase(const std::string& key) {
    std::erase_if(header_.metadata, [&](const auto& each) { return each.first == key; });
  }
  void set(const std::string& key, GgufValue value) {
    erase(key);
    header_.metadata.emplace_back(key, std::move(value));
  }

  Expected<Model> load() {
    const Status written = write_gguf(folder_ / "changed.gguf", header_, [&](size_t i, const ByteSink& sink) {
      return sink(file_->tensors[i].data);
    });
    EXPECT_TRUE(written) << written.error().text();
    return load_model(folder_ / "changed.gguf", {.check_values = false});
  }
  std::string refusal() {
    const Expected<Model> model = load();
    return model ? "" : model.error().message;
  }
  // What load says with one key changed.
  std::string with(const std::string& key, GgufValue value) {
    const auto before = header_;
    set(key, std::move(value));
    const std::string message = refusal();
    header_ = before;
    return message;
  }
  std::string without(const std::string& key) {
    const auto before = header_;
    erase(key);
    const std::string message = refusal();
    header_ = before;
    return message;
  }

  TemporaryFolder folder_;
  std::optional<GgufFile> file_;
  GgufHeader header_;
};

using Qwen35 = Changed;

TEST_F(Qwen35, ReadsWhichLayersAreRecurrent) {
  begin("tiny-qwen35");
  const Hyperparameters h = load()->hyperparameters;
  EXPECT_EQ(h.recurrent, (std::vector<bool>{true, true, true, false}));
  EXPECT_EQ(h.rope_dimension, 16u);
  EXPECT_EQ(h.memory_index(2), 2u);
  EXPECT_EQ(h.memory_index(3), 0u);
  EXPECT_EQ(h.memory_index(4), 1u);
  EXPECT_EQ(h.delta_channels(), (2u * 2 + 6) * 64);
  EXPECT_EQ(h.state_size(), 3u * (3 * 640 + 6 * 64 * 64));
  EXPECT_EQ(without("qwen35.full_attention_interval"), "");  // 4
  // The list has the last word.
  set("qwen35.full_attention_interval", uint32_t{2});
  EXPECT_THAT(refusal(), HasSubstr("tensor 'blk.1.attn_q.weight' is missing"));
  set("qwen35.attention.recurrent_layers", std::vector<bool>{true, true, true, false});
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(with("qwen35.attention.recurrent_layers", std::vector<bool>{true}),
            "key 'qwen35.attention.recurrent_layers' has 1 entries for 4 layers");
}

TEST_F(Qwen35, RefusesShapesThatCannotBe) {
  begin("tiny-qwen35");
  EXPECT_THAT(with("qwen35.ssm.conv_kernel", uint32_t{0}), HasSubstr("is 0, outside of 1 to 64"));
  EXPECT_THAT(with("qwen35.ssm.conv_kernel", uint32_t{5}), HasSubstr("where the metadata imply [5, 640]"));
  EXPECT_THAT(with("qwen35.ssm.inner_size", uint32_t{385}), HasSubstr("6 heads of 64 imply 384"));
  EXPECT_THAT(with("qwen35.ssm.group_count", uint32_t{4}), HasSubstr("cannot share 4 heads of keys"));
  EXPECT_THAT(with("qwen35.ssm.state_size", uint32_t{2000}), HasSubstr("outside of 1 to 1024"));
  EXPECT_THAT(with("qwen35.ssm.version", uint32_t{2}), HasSubstr("is not known"));
  EXPECT_THAT(without("qwen35.ssm.time_step_rank"), HasSubstr("is missing"));
  EXPECT_THAT(with("qwen35.nextn_predict_layers", uint32_t{4}), HasSubstr("outside of 0 to 3"));
  EXPECT_EQ(with("qwen35.nextn_predict_layers", uint32_t{0}), "");
}

// The last layer is one that predicts, and is left alone.
TEST_F(Qwen35, DoesNotRunSpareLayers) {
  begin("tiny-qwen35");
  set("qwen35.nextn_predict_layers", uint32_t{1});
  const Expected<Model> model = load();
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->hyperparameters.block_count, 3u);
  EXPECT_EQ(model->layers.size(), 3u);
  EXPECT_EQ(model->hyperparameters.memory_index(3), 0u);
}

TEST_F(Qwen35, ReadsRotations) {
  begin("tiny-bonsai-2");
  const Rotation rotation = load()->hyperparameters.rotation;
  EXPECT_EQ(rotation.block, 128u);
  EXPECT_TRUE(rotation.head && rotation.embedding && rotation.groups_heads);
  EXPECT_TRUE(rotation.is_rotated(WeightRole::delta_output, 2));
  EXPECT_FALSE(rotation.is_rotated(WeightRole::delta_alpha, 2));
  EXPECT_TRUE(rotation.is_rotated(WeightRole::query, 3));
  EXPECT_TRUE(rotation.is_rotated(WeightRole::output, -1));
  EXPECT_EQ(rotation.factors.at(384).size(), 384u);
  set("prism.hadamard.weight_names", std::vector<std::string>{"blk.1.ffn_up.weight"});
  const Rotation one = load()->hyperparameters.rotation;
  EXPECT_TRUE(one.is_rotated(WeightRole::up, 1));
  EXPECT_FALSE(one.is_rotated(WeightRole::gate, 1));
  EXPECT_FALSE(one.head);
}

TEST_F(Qwen35, OtherFamiliesMayBeTurnedToo) {
  for (const char* name : {"tiny-qwen3", "tiny-llama"}) {
    SynthShape shape = *find_synth_shape(name);
    shape.rotation_block = 64;
    shape.untied_head = true;
    begin(shape);
    const Rotation rotation = load()->hyperparameters.rotation;
    EXPECT_EQ(rotation.block, 64u);
    EXPECT_TRUE(rotation.is_rotated(WeightRole::attention_output, 1));
  }
  SynthShape shape = *find_synth_shape("tiny-hunyuan");
  shape.rotation_block = 64;
  shape.untied_head = true;
  begin(shape);
  EXPECT_THAT(refusal(), HasSubstr("changes what the model computes, and is not supported"));
}

TEST_F(Qwen35, RefusesRotationsThatItDoesNotKnow) {
  begin("tiny-bonsai-2");
  const std::string prefix = "prism.hadamard.";
  using Strings = std::vector<std::string>;
  EXPECT_THAT(with(prefix + "version", uint32_t{2}), HasSubstr("version' is 2, outside of 1 to 1"));
  EXPECT_THAT(without(prefix + "version"), HasSubstr("version' is missing"));
  EXPECT_THAT(with(prefix + "block_size", uint32_t{96}), HasSubstr("is 96, no power of two"));
  EXPECT_THAT(with(prefix + "block_size", uint32_t{512}), HasSubstr("no whole blocks of 512"));
  EXPECT_THAT(with(prefix + "transform", std::string("dct")), HasSubstr("transform' is 'dct'; only"));
  EXPECT_THAT(with(prefix + "axis", std::string("output")), HasSubstr("axis' is 'output'; only"));
  EXPECT_THAT(with(prefix + "sign_mode", std::string("random")), HasSubstr("explicit or identity"));
  EXPECT_THAT(with(prefix + "sign_mode", std::string("identity")), HasSubstr("but the file has some"));
  EXPECT_THAT(with(prefix + "sign_widths", std::vector<int32_t>{256, 384}), HasSubstr("the widths are 640"));
  EXPECT_THAT(with(prefix + "sign_widths", std::vector<int32_t>{256, 384, -1}), HasSubstr("has no -1 signs"));
  EXPECT_THAT(with(prefix + "sign_values", std::vector<int32_t>(1152)), HasSubstr("has 0 at index 0"));
  EXPECT_THAT(with(prefix + "weight_names", Strings{"blk.0.ssm_alpha.weight"}),
              HasSubstr("no matrix whose inputs can be turned"));
  EXPECT_THAT(with(prefix + "weight_names", Strings{"blk.0.attn_q.weight"}), HasSubstr("not in the file"));
  EXPECT_THAT(with(prefix + "inverse_weight_names", Strings{"output.weight"}),
              HasSubstr("only token_embd.weight can be turned back"));
  EXPECT_THAT(with(prefix + "tied_output", true), HasSubstr("changes what the model computes"));
  erase(prefix + "sign_values");
  erase(prefix + "sign_widths");
  EXPECT_EQ(with(prefix + "sign_mode", std::string("identity")), "");
  set(prefix + "sign_values", std::vector<int32_t>(256, 1));
  set(prefix + "sign_widths", std::vector<int32_t>{256});
  EXPECT_THAT(refusal(), HasSubstr("sign_widths' has no 384, the width of its inputs"));
}

}  // namespace
}  // namespace tern::runtime
