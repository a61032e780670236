#include "runtime/model/synth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/hash.h"
#include "runtime/model/model.h"
#include "runtime/model/synth_vocabulary.h"
#include "runtime/source/model_file.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using testing::HasSubstr;

std::string made(const TemporaryFolder& folder, const SynthShape& shape, const SynthOptions& options) {
  const std::string path = folder / "synthetic.gguf";
  const Status status = synthesize_model(path, shape, options);
  EXPECT_TRUE(status) << status.error().text();
  return path;
}

std::string refusal(const SynthShape& shape, const SynthOptions& options = {}) {
  const TemporaryFolder folder;
  const Status status = synthesize_model(folder / "a", shape, options);
  EXPECT_FALSE(status);
  EXPECT_EQ(folder.entries(), 0u);
  return status ? "" : status.error().message;
}

SynthShape tiny() {
  return *find_synth_shape("tiny");
}

TEST(Synth, EveryHeadTypeLoads) {
  for (const TensorTypeInfo* type : readable_types()) {
    if (!type->encode) continue;
    const TensorType head = type->type;
    const TemporaryFolder folder;
    const auto model = load_model(made(folder, tiny(), {.seed = 5, .head = head}));
    ASSERT_TRUE(model) << model.error().text();
    EXPECT_EQ(model->token_embedding().type, head);
    EXPECT_TRUE(model->warnings.empty());
  }
}

// Written down so that a change of the bytes is noticed, and so that another machine shows whether it makes
// the same.
TEST(Synth, IsTheSameEverywhere) {
  const TemporaryFolder folder;
  const std::string first = read_text(made(folder, tiny(), {.seed = 1, .head = TensorType::q6_k}));
  EXPECT_EQ(fnv1a(first), 0xb09dfd24bd34e970u);
  EXPECT_EQ(read_text(made(folder, tiny(), {.seed = 1, .head = TensorType::q6_k})), first);
  EXPECT_NE(read_text(made(folder, tiny(), {.seed = 2, .head = TensorType::q6_k})), first);
}

// Keys without which Tern has a default and llama.cpp refuses the file.
TEST(Synth, MapleStatesTheLimitOfItsGates) {
  const TemporaryFolder folder;
  const auto file = open_model_file(made(folder, *find_synth_shape("tiny-maple"), {.seed = 1}));
  ASSERT_TRUE(file) << file.error().text();
  const auto limit = get_number(*file, "maple.swiglu_clamp_exp");
  ASSERT_TRUE(limit);
  EXPECT_EQ(*limit, 7);
}

TEST(Synth, ShapesAndArchitecturesAreThoseAskedFor) {
  SynthShape shape = tiny();
  shape.architecture = "bitnet";
  shape.head_dimension = 32;  // heads narrower than the hidden state
  const TemporaryFolder folder;
  const auto model = load_model(made(folder, shape, {}));
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->hyperparameters.activation, Activation::silu);
  EXPECT_EQ(model->hyperparameters.head_dimension, 32u);
  EXPECT_EQ(model->matrix(WeightRole::query, 0).n, 128u);
  EXPECT_EQ(model->vocabulary.tokens.size(), 1024u);
}

// Rows of the 3B model's down projection are 67.5 blocks of 128.
TEST(Synth, RowsNeedNotBeWholeBlocks) {
  SynthShape shape = tiny();
  shape.feed_forward_length = 8640 / 16;
  const TemporaryFolder folder;
  const auto model = load_model(made(folder, shape, {}));
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->matrix(WeightRole::down, 0).k, 540u);
  const CodeCounts counts = count_codes(model->matrix(WeightRole::down, 0).data);
  EXPECT_EQ(counts.minus + counts.zero + counts.plus, 540u * 256);
}

// A normalised input of variance 1 comes out of a projection with variance 1.
TEST(Synth, ProjectionsKeepTheVariance) {
  const TemporaryFolder folder;
  const auto model = load_model(made(folder, tiny(), {.seed = 9}));
  ASSERT_TRUE(model) << model.error().text();
  const Tensor& gate = model->matrix(WeightRole::gate, 0);
  const CodeCounts counts = count_codes(gate.data);
  const double nonzero = static_cast<double>(counts.minus + counts.plus) / (double{1} * gate.n * gate.k);
  EXPECT_NEAR(gate.k * nonzero * gate.scale * gate.scale, 1.0, 0.02);
  EXPECT_NEAR(static_cast<double>(counts.minus) / static_cast<double>(counts.plus), 1.0, 0.03);
}

TEST(Synth, ReportsProgressToTheLastByte) {
  const TemporaryFolder folder;
  uint64_t last = 0, all = 1;
  made(folder, tiny(), {.progress = [&](uint64_t done, uint64_t total) {
         EXPECT_GE(done, last);
         last = done;
         all = total;
       }});
  EXPECT_EQ(last, all);
}

TEST(Synth, RefusesShapesThatCannotBe) {
  SynthShape shape = tiny();
  shape.block_count = 0;
  EXPECT_THAT(refusal(shape), HasSubstr("the number of layers is 0"));
  shape = tiny();
  shape.head_count_kv = 3;
  EXPECT_THAT(refusal(shape), HasSubstr("4 heads cannot share 3 key-value heads"));
  shape = tiny();
  shape.head_dimension = 63;
  EXPECT_THAT(refusal(shape), HasSubstr("RoPE turns 63 elements"));
  shape = tiny();
  shape.vocabulary_size = 100;
  EXPECT_THAT(refusal(shape), HasSubstr("the vocabulary size is 100, outside of 260"));
  shape = tiny();
  shape.feed_forward_length = 513;
  shape.embedding_length = 100;
  EXPECT_THAT(refusal(shape), HasSubstr("are not whole I2_S blocks of 128"));
  shape = tiny();
  shape.embedding_length = 128;
  EXPECT_THAT(refusal(shape, {.head = TensorType::q6_k}), HasSubstr("not a whole number of Q6_K blocks"));
  EXPECT_THAT(refusal(tiny(), {.head = TensorType::iq4_nl}), HasSubstr("the head cannot have type IQ4_NL"));
  EXPECT_THAT(refusal(tiny(), {.layers = TensorType::q6_k}), HasSubstr("layers cannot have type Q6_K"));
}

TEST(SynthVocabulary, EveryMergeJoinsTwoOlderTokensIntoANewOne) {
  for (const uint32_t size : {260u, 2000u, 128256u}) {
    const Vocabulary vocabulary = synthesize_vocabulary(size);
    ASSERT_EQ(vocabulary.tokens.size(), size);
    ASSERT_EQ(vocabulary.types.size(), size);
    const uint32_t specials = size - *vocabulary.beginning_of_text;
    ASSERT_EQ(vocabulary.merges.size(), size - 256 - specials);
    std::set<std::string> known(vocabulary.tokens.begin(), vocabulary.tokens.begin() + 256);
    EXPECT_EQ(known.size(), 256u);
    for (size_t i = 0; i < vocabulary.merges.size(); ++i) {
      const std::string& merge = vocabulary.merges[i];
      const size_t space = merge.find(' ');
      ASSERT_TRUE(known.contains(merge.substr(0, space))) << merge;
      ASSERT_TRUE(known.contains(merge.substr(space + 1))) << merge;
      ASSERT_EQ(vocabulary.tokens[256 + i], merge.substr(0, space) + merge.substr(space + 1));
      ASSERT_TRUE(known.insert(vocabulary.tokens[256 + i]).second) << merge;
    }
    for (uint32_t i = size - specials; i < size; ++i) EXPECT_EQ(vocabulary.types[i], TokenType::control);
  }
}

TEST(SynthVocabulary, TokenizesAnyText) {
  const auto tokenizer = Tokenizer::make(synthesize_vocabulary(20000));
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  for (const std::string_view text :
       {"It was the best of times,\n\t3.14 times.", "caf\xc3\xa9 \xe4\xb8\xad", "\xff\x01"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, false)), text);
  }
  EXPECT_EQ(tokenizer->encode(" tea", false).size(), 1u);  // short words are one token
}

}  // namespace
}  // namespace tern::runtime
