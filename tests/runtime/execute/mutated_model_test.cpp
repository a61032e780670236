// Damaged model files all the way to logits: each is refused with an Error, or runs. What is computed from it
// may be anything; what must not happen, a crash or an access outside of memory, is for the sanitizers to
// notice. tests/runtime/gguf/mutation_test.cpp has what loading alone meets.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/counter_random.h"
#include "runtime/execute/engine.h"
#include "runtime/model/synth.h"
#include "targets/host.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

constexpr uint64_t files_of_a_kind = 250;

SynthShape small(std::string_view name) {
  SynthShape shape = *find_synth_shape(name);
  shape.vocabulary_size = 280;
  shape.embedding_length = 128;
  shape.feed_forward_length = 128;
  shape.head_dimension = 32;
  shape.block_count = 1;
  shape.context_length = 64;
  return shape;
}

class MutatedModel : public testing::Test {
 protected:
  explicit MutatedModel(const SynthShape& shape = small("tiny"))
      : cache_(codegen::ObjectCache::open(folder_ / "cache").take()) {
    EXPECT_TRUE(synthesize_model(folder_ / "whole", shape, {.seed = 5, .head = TensorType::q8_0}));
    bytes_ = read_bytes(folder_ / "whole");
    const auto file = parse_gguf(FileMapping("whole", bytes_));
    EXPECT_TRUE(file) << file.error().text();
    header_size_ = file ? file->data_offset : 1;
  }

  // 1 if a file of these bytes loads and makes a step of three tokens, 0 if an Error says why not.
  int run(const std::vector<std::byte>& bytes) const {
    const std::string path = folder_ / "mutated.gguf";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    EngineOptions options;
    options.model = path;
    options.kernels = jit_kernels(targets::find_runnable_target("host").take(), cache_).take();
    options.buckets = kernels::RowBuckets::up_to(4);
    options.page_positions = 32;
    const Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
    if (!engine) {
      EXPECT_FALSE(engine.error().message.empty());
      return 0;
    }
    Expected<Sequence> sequence = (*engine)->make_sequence(4);
    if (!sequence) return 0;
    const uint32_t last = (*engine)->model().hyperparameters.vocabulary_size - 1;
    const std::vector<uint32_t> tokens = {0, last / 2, last};
    const Expected<Logits> logits = (*engine)->append(*sequence, tokens);
    if (!logits) return 0;
    EXPECT_EQ((*logits)[0].size(), last + 1);
    EXPECT_FALSE((*engine)->tokenizer().encode("it was <|end_of_text|>", true).empty());
    return 1;
  }

  const std::vector<std::byte>& whole() const { return bytes_; }
  size_t header_size() const { return header_size_; }

 private:
  TemporaryFolder folder_;
  codegen::ObjectCache cache_;
  std::vector<std::byte> bytes_;
  size_t header_size_ = 0;
};

TEST_F(MutatedModel, TheWholeFileRuns) {
  EXPECT_EQ(run(whole()), 1);
}

TEST_F(MutatedModel, OtherBytesInTheHeader) {
  const RandomStream random(21, "bytes");
  int ran = 0;
  for (uint64_t i = 0; i < files_of_a_kind; ++i) {
    std::vector<std::byte> bytes = whole();
    for (uint64_t change = 0; change <= i % 4; ++change) {
      const uint64_t bits = random.bits(8 * i + change);
      bytes[bits % header_size()] = static_cast<std::byte>(bits >> 56);
    }
    ran += run(bytes);
  }
  EXPECT_GT(ran, 0);  // the text of a token may be another
  EXPECT_LT(ran, static_cast<int>(files_of_a_kind));
}

TEST_F(MutatedModel, OtherBitsInTheData) {
  const RandomStream random(22, "data");
  for (uint64_t i = 0; i < files_of_a_kind; ++i) {
    std::vector<std::byte> bytes = whole();
    const size_t data = bytes.size() - header_size();
    for (uint64_t change = 0; change < 8; ++change) {
      const uint64_t bits = random.bits(8 * i + change);
      bytes[header_size() + bits % data] ^= static_cast<std::byte>(1u << (bits >> 61));
    }
    run(bytes);
  }
}

TEST_F(MutatedModel, ShorterFiles) {
  const RandomStream random(23, "lengths");
  for (uint64_t i = 0; i < files_of_a_kind; ++i) {
    std::vector<std::byte> bytes = whole();
    bytes.resize(random.bits(i) %
                 (i % 2 == 0 ? header_size() : bytes.size() - 32));  // 32: padding at the end
    EXPECT_EQ(run(bytes), 0);
  }
}

// Numbers of the header, most of which are lengths, counts and sizes, a little larger or smaller, doubled,
// halved, or with another bit.
TEST_F(MutatedModel, OtherLengthsInTheHeader) {
  const RandomStream random(24, "numbers");
  int ran = 0;
  for (uint64_t i = 0; i < files_of_a_kind; ++i) {
    std::vector<std::byte> bytes = whole();
    const size_t size = i % 2 == 0 ? 4 : 8;
    const uint64_t bits = random.bits(i);
    // Where a byte is followed by zeros stands a small number, more likely than not.
    size_t at = bits % (header_size() - size);
    const auto is_number = [&] {
      return bytes[at] != std::byte{0} && bytes[at + 2] == std::byte{0} && bytes[at + 3] == std::byte{0};
    };
    while (!is_number()) at = (at + 1) % (header_size() - size);
    uint64_t number = 0;
    std::memcpy(&number, &bytes[at], size);
    const uint64_t others[] = {number + 1, number - 1, number * 2, number / 2, number ^ 1ull << (bits >> 59),
                               0};
    number = others[i / 2 % std::size(others)];
    std::memcpy(&bytes[at], &number, size);
    ran += run(bytes);
  }
  EXPECT_LT(ran, static_cast<int>(files_of_a_kind));
}

// One with layers of Gated DeltaNet and of attention, and weights in turned coordinates.
class MutatedRecurrentModel : public MutatedModel {
 protected:
  MutatedRecurrentModel() : MutatedModel(shape()) {}
  static SynthShape shape() {
    SynthShape shape = small("tiny-bonsai-2");
    shape.block_count = 4;
    shape.delta_heads = 4;
    shape.delta_key_heads = 2;
    shape.delta_width = 32;
    return shape;
  }
};

TEST_F(MutatedRecurrentModel, OtherBytesInItsKeys) {
  ASSERT_EQ(run(whole()), 1);
  const std::string_view text(reinterpret_cast<const char*>(whole().data()), header_size());
  const size_t begin = text.find("qwen35.rope.dimension_sections"), keys = 900;
  ASSERT_LT(begin + keys, text.size());
  const RandomStream random(25, "keys");
  int ran = 0;
  for (uint64_t i = 0; i < files_of_a_kind; ++i) {
    std::vector<std::byte> bytes = whole();
    for (uint64_t change = 0; change <= i % 2; ++change) {
      const uint64_t bits = random.bits(2 * i + change);
      bytes[begin + bits % keys] = static_cast<std::byte>(bits >> 56);
    }
    ran += run(bytes);
  }
  EXPECT_GT(ran, 0);
  EXPECT_LT(ran, static_cast<int>(files_of_a_kind));
}

}  // namespace
}  // namespace tern::runtime
