#include "runtime/model.h"

#include <gtest/gtest.h>

namespace tern::runtime {
namespace {

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
  EXPECT_EQ(model->token_embedding.type, TensorType::f16);
  ASSERT_EQ(model->layers.size(), 2u);
  EXPECT_EQ(model->layers[1].down.k, 512u);
  EXPECT_EQ(model->layers[1].down.n, 256u);
  EXPECT_EQ(model->layers[1].feed_forward_sub_norm.size(), 512u);
  EXPECT_EQ(model->vocabulary.tokens[637], "<|end|>");
  EXPECT_EQ(model->vocabulary.end_of_text, 637u);
  EXPECT_EQ(model->vocabulary.merges.back(), "n p");
}

}  // namespace
}  // namespace tern::runtime
