// A small Hugging Face folder that a test can bend: 2B4T's architecture, packed, one layer of width 128 with
// two heads of 64 on one key-value head, a feed-forward width of 128, 4 tokens.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ir/half.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {

using nlohmann::ordered_json;

// A safetensors file made without Tern's help.
class SafetensorsBytes {
 public:
  void add(const std::string& name, const std::string& dtype, std::vector<uint64_t> shape,
           const std::vector<std::byte>& data) {
    header[name] = {{"dtype", dtype},
                    {"shape", std::move(shape)},
                    {"data_offsets", {data_.size(), data_.size() + data.size()}}};
    data_.insert(data_.end(), data.begin(), data.end());
  }
  // BF16 values, all of them the same or by element.
  void floats(const std::string& name, std::vector<uint64_t> shape,
              const std::function<float(size_t)>& value) {
    size_t count = 1;
    for (const uint64_t dim : shape) count *= dim;
    std::vector<std::byte> bytes(2 * count);
    for (size_t i = 0; i < count; ++i) {
      const uint16_t bits = ir::f32_to_bf16(value(i));
      std::memcpy(&bytes[2 * i], &bits, 2);
    }
    add(name, "BF16", std::move(shape), bytes);
  }
  std::vector<std::byte> bytes() const { return with_header(header.dump()); }
  std::vector<std::byte> with_header(const std::string& text) const {
    std::vector<std::byte> all(8 + text.size() + data_.size());
    const uint64_t length = text.size();
    std::memcpy(all.data(), &length, 8);
    std::memcpy(all.data() + 8, text.data(), text.size());
    if (!data_.empty()) std::memcpy(all.data() + 8 + text.size(), data_.data(), data_.size());
    return all;
  }
  void trailing(size_t count) { data_.resize(data_.size() + count); }

  ordered_json header = ordered_json::object();

 private:
  std::vector<std::byte> data_;
};

inline void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}
inline void write_file(const std::string& path, const std::vector<std::byte>& bytes) {
  write_file(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

inline ordered_json small_config() {
  return {{"architectures", {"BitNetForCausalLM"}},
          {"model_type", "bitnet"},
          {"hidden_size", 128},
          {"intermediate_size", 128},
          {"num_hidden_layers", 1},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"hidden_act", "relu2"},
          {"max_position_embeddings", 64},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 500000.0},
          {"vocab_size", 4},
          {"tie_word_embeddings", true},
          {"torch_dtype", "bfloat16"},
          {"quantization_config",
           {{"quant_method", "bitnet"},
            {"linear_class", "autobitlinear"},
            {"quantization_mode", "offline"},
            {"modules_to_not_convert", nullptr}}}};
}

// The weight of row r and column c of every packed matrix.
inline int small_weight(uint64_t r, uint64_t c) {
  return static_cast<int>((r * 7 + c * 5 + r * c) % 3) - 1;
}

inline SafetensorsBytes small_tensors() {
  SafetensorsBytes file;
  const std::string layer = "model.layers.0.";
  file.floats("model.embed_tokens.weight", {4, 128},
              [](size_t i) { return 0.125f * static_cast<float>(i % 7); });
  file.floats("model.norm.weight", {128}, [](size_t) { return 1.0f; });
  for (const char* norm :
       {"input_layernorm", "post_attention_layernorm", "self_attn.attn_sub_norm", "mlp.ffn_sub_norm"}) {
    file.floats(layer + norm + ".weight", {128}, [](size_t i) { return 1.0f + static_cast<float>(i % 3); });
  }
  const std::map<std::string, uint64_t> matrices = {{"self_attn.q_proj", 128}, {"self_attn.k_proj", 64},
                                                    {"self_attn.v_proj", 64},  {"self_attn.o_proj", 128},
                                                    {"mlp.gate_proj", 128},    {"mlp.up_proj", 128},
                                                    {"mlp.down_proj", 128}};
  for (const auto& [name, n] : matrices) {
    const uint64_t k = 128, quarter = n / 4;
    std::vector<std::byte> packed(quarter * k);
    for (uint64_t r = 0; r < n; ++r) {
      for (uint64_t c = 0; c < k; ++c)
        packed[r % quarter * k + c] |= static_cast<std::byte>((small_weight(r, c) + 1) << (r / quarter * 2));
    }
    file.add(layer + name + ".weight", "U8", {quarter, k}, packed);
    file.floats(layer + name + ".weight_scale", {1}, [](size_t) { return 0.5f; });
  }
  return file;
}

inline ordered_json small_tokenizer() {
  ordered_json added = ordered_json::array();
  added.push_back({{"id", 3},
                   {"content", "<|end|>"},
                   {"single_word", false},
                   {"lstrip", false},
                   {"rstrip", false},
                   {"normalized", false},
                   {"special", true}});
  ordered_json split = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", split},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}},
            {"merges", ordered_json::array({"a b"})}}}};
}

// Writes a folder's files.
inline void write_folder(const TemporaryFolder& folder, const ordered_json& config,
                         const SafetensorsBytes& tensors) {
  write_file(folder / "config.json", config.dump());
  write_file(folder / "model.safetensors", tensors.bytes());
  write_file(folder / "tokenizer.json", small_tokenizer().dump());
}

}  // namespace tern::runtime
