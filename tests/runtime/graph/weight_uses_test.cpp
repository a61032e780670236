#include "runtime/graph/weight_uses.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/graph/families.h"
#include "tests/runtime/graph/shapes.h"

namespace tern::runtime {
namespace {

const WeightUse* find(const std::vector<WeightUse>& uses, WeightRole role, int64_t layer) {
  const auto found = std::ranges::find_if(
      uses, [&](const WeightUse& use) { return use.role == role && use.layer == layer; });
  return found == uses.end() ? nullptr : &*found;
}

TEST(WeightUses, OfAFamilyAreItsTensors) {
  const std::vector<WeightUse> uses = weight_uses(build_graph(shape_2b4t()));
  // 7 matrices and 4 norms a layer; the embedding, the last norm and the head.
  EXPECT_EQ(uses.size(), 30u * 11 + 3);
  EXPECT_EQ(tensor_prefix(uses[0].role, uses[0].layer), "token_embd");
  EXPECT_EQ(uses[0].op, Op::embed);
  EXPECT_EQ(uses[0].k, 2560);
  for (int64_t layer = 0; layer < 30; ++layer) {
    const WeightUse* key = find(uses, WeightRole::key, layer);
    ASSERT_NE(key, nullptr);
    EXPECT_TRUE(key->is_quantized);
    EXPECT_EQ(key->n, 640);
    EXPECT_EQ(key->k, 2560);
    const WeightUse* norm = find(uses, WeightRole::feed_forward_sub_norm, layer);
    ASSERT_NE(norm, nullptr);
    EXPECT_EQ(norm->op, Op::rms_norm);
    EXPECT_EQ(norm->n, 1);
    EXPECT_EQ(norm->k, 6912);
  }
  EXPECT_EQ(tensor_prefix(WeightRole::key, 29), "blk.29.attn_k");
  const WeightUse* head = find(uses, WeightRole::output, -1);
  ASSERT_NE(head, nullptr);
  EXPECT_FALSE(head->is_quantized);
  EXPECT_EQ(head->n, 128256);
}

TEST(WeightUses, OfGatedDeltaNet) {
  for (const Hyperparameters& shape : {shape_qwen35(), shape_bonsai_2()}) {
    const std::vector<WeightUse> uses = weight_uses(build_graph(shape));
    // 14 tensors in 6 layers of Gated DeltaNet, 11 in 2 of attention; the embedding, the last norm, the head.
    EXPECT_EQ(uses.size(), 6u * 14 + 2 * 11 + 3);
    const WeightUse* convolution = find(uses, WeightRole::delta_convolution, 4);
    ASSERT_NE(convolution, nullptr);
    EXPECT_EQ(convolution->n, 10240);
    EXPECT_EQ(convolution->k, 4);
    const WeightUse* alpha = find(uses, WeightRole::delta_alpha, 0);
    ASSERT_NE(alpha, nullptr);
    EXPECT_FALSE(alpha->is_quantized);
    EXPECT_EQ(alpha->n, 48);
    EXPECT_EQ(find(uses, WeightRole::delta_norm, 1)->k, 128);
    EXPECT_EQ(find(uses, WeightRole::query, 3)->n, 2 * 24 * 256);
    EXPECT_EQ(find(uses, WeightRole::query, 2), nullptr);
  }
  EXPECT_EQ(tensor_name(WeightRole::delta_rate, 2), "blk.2.ssm_a");
  EXPECT_EQ(tensor_name(WeightRole::delta_bias, 2), "blk.2.ssm_dt.bias");
}

TEST(WeightUses, FollowFromTheGraphAlone) {
  Hyperparameters shape = shape_2b4t();
  shape.sub_norms = false;
  const std::vector<WeightUse> uses = weight_uses(build_graph(shape));
  EXPECT_EQ(uses.size(), 30u * 9 + 3);
  EXPECT_EQ(find(uses, WeightRole::attention_sub_norm, 0), nullptr);
}

}  // namespace
}  // namespace tern::runtime
