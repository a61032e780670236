// A small model in memory that a test can bend before it is loaded.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "runtime/gguf/gguf_write.h"
#include "runtime/model/model.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {

// One layer of width 128 with 2 heads of 64 on 1 key-value head, a feed-forward width of 256, 4 tokens. Norms
// are 1, ternary weights alternate between +1 and -1 with the scale 0.5, the embedding is 0.25 in F32.
class SmallModel {
 public:
  explicit SmallModel(std::string architecture = "bitnet-b1.58") : prefix_(architecture + ".") {
    header_.metadata = {{"general.architecture", architecture}};
    for (const auto& [key, value] : std::map<std::string, uint32_t>{{"vocab_size", 4},
                                                                    {"context_length", 64},
                                                                    {"embedding_length", 128},
                                                                    {"block_count", 1},
                                                                    {"feed_forward_length", 256},
                                                                    {"rope.dimension_count", 64},
                                                                    {"attention.head_count", 2},
                                                                    {"attention.head_count_kv", 1}}) {
      set(prefix_ + key, value);
    }
    set(prefix_ + "attention.layer_norm_rms_epsilon", 1e-5f);
    set("tokenizer.ggml.model", std::string("gpt2"));
    set("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "ab", "<|end|>"});
    set("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
    floats("token_embd.weight", TensorType::f32, {128, 4}, 0.25f);
    floats("output_norm.weight", TensorType::f32, {128}, 1);
    floats("blk.0.attn_norm.weight", TensorType::f32, {128}, 1);
    floats("blk.0.attn_sub_norm.weight", TensorType::f32, {128}, 1);
    floats("blk.0.ffn_norm.weight", TensorType::f32, {128}, 1);
    floats("blk.0.ffn_sub_norm.weight", TensorType::f32, {256}, 1);
    ternary("blk.0.attn_q.weight", 128, 128);
    ternary("blk.0.attn_k.weight", 64, 128);
    ternary("blk.0.attn_v.weight", 64, 128);
    ternary("blk.0.attn_output.weight", 128, 128);
    ternary("blk.0.ffn_gate.weight", 256, 128);
    ternary("blk.0.ffn_up.weight", 256, 128);
    ternary("blk.0.ffn_down.weight", 128, 256);
  }

  const std::string& prefix() const { return prefix_; }

  // Keys: added or replaced, or taken out.
  void set(const std::string& key, GgufValue value) {
    erase(key);
    header_.metadata.emplace_back(key, std::move(value));
  }
  void erase(const std::string& key) {
    std::erase_if(header_.metadata, [&](const auto& entry) { return entry.first == key; });
  }

  // Tensors: added or replaced, or taken out.
  void floats(const std::string& name, TensorType type, std::vector<uint64_t> dims, float value) {
    uint64_t count = 1;
    for (const uint64_t dim : dims) count *= dim;
    std::vector<std::byte> bytes(count * sizeof(float));
    for (uint64_t i = 0; i < count; ++i) std::memcpy(&bytes[4 * i], &value, 4);
    tensor(name, type, std::move(dims), std::move(bytes));
  }
  void ternary(const std::string& name, uint64_t n, uint64_t k) {
    std::vector<std::byte> bytes(n * k / 4 + 32, std::byte{0x88});
    const float scale = 0.5f;
    std::memcpy(&bytes[n * k / 4], &scale, 4);
    tensor(name, TensorType::i2_s, {k, n}, std::move(bytes));
  }
  void tensor(const std::string& name, TensorType type, std::vector<uint64_t> dims,
              std::vector<std::byte> bytes) {
    erase_tensor(name);
    header_.tensors.push_back({name, type, std::move(dims)});
    data_[name] = std::move(bytes);
  }
  void erase_tensor(const std::string& name) {
    std::erase_if(header_.tensors, [&](const GgufTensorHeader& tensor) { return tensor.name == name; });
  }
  // The bytes of a tensor, to be changed.
  std::vector<std::byte>& data(const std::string& name) { return data_.at(name); }

  void write(const std::string& path) const {
    const Status written = write_gguf(path, header_, [&](size_t i, const ByteSink& sink) {
      return sink(data_.at(header_.tensors[i].name));
    });
    EXPECT_TRUE(written) << written.error().text();
  }

  Expected<Model> load(const LoadOptions& options = {}) const {
    const TemporaryFolder folder;
    write(folder / "small.gguf");
    return load_model(folder / "small.gguf", options);
  }

  // What load says; empty if it accepts the model.
  std::string refusal(const LoadOptions& options = {}) const {
    const auto model = load(options);
    if (model) return "";
    EXPECT_TRUE(model.error().where.file.ends_with("small.gguf")) << model.error().text();
    return model.error().message;
  }

 private:
  std::string prefix_;
  GgufHeader header_;
  std::map<std::string, std::vector<std::byte>> data_;
};

}  // namespace tern::runtime
