// The model families of Hugging Face's folders: what their config.json is called there, and what differs in
// the way to GGUF's names. A new family is a row of the table in hf_family.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tern::runtime {

struct HfFamily {
  std::string_view model_class;   // in `architectures`
  std::string_view model_type;    // what folders without `architectures` state
  std::string_view architecture;  // in GGUF files
  std::string_view activation;  // the hidden_act that the architecture has without a key; empty: always a key
  float rope_base;              // transformers' defaults, for folders that leave the key out
  uint32_t head_dimension;      // 0: hidden_size / num_attention_heads
  bool tied_head;
  bool neighbours = false;      // GGUF files hold query and key rows so that RoPE turns neighbours
  bool norms_plus_one = false;  // GGUF files hold 1 + w where the checkpoint holds the norm's w
  bool post_norms = false;      // post_attention_layernorm normalises what attention adds
  bool has_experts = false;
};

// The row of a class, or else of a type; null if neither is known.
const HfFamily* find_hf_family(std::string_view model_class, std::string_view model_type);
// The classes that are known, for messages.
std::vector<std::string_view> hf_classes();

// table: the embedding and the head. router: the matrix that scores experts.
enum class HfRole : uint8_t { norm, matrix, table, router };

// What a checkpoint's tensor is in a GGUF file.
struct HfTensorName {
  std::string name;  // "blk.0.attn_q.weight"
  HfRole role;
  bool is_query = false, is_key = false;
  bool is_input_norm = false;  // of a projection: `attn_q_norm_in`
  // The number of the expert whose matrix it is. GGUF has the matrices of all experts in one tensor, `name`.
  std::optional<uint32_t> expert;
};

// The place of a tensor of this name; nothing if it has none, or its layer is not below `layers`. The prefix
// "model." may be missing, as in checkpoints of embedding models.
std::optional<HfTensorName> gguf_tensor_name(const HfFamily& family, std::string_view name, uint32_t layers);

// The first row of an architecture; null if it has none.
const HfFamily* find_hf_family_of(std::string_view architecture);
// The inverse of gguf_tensor_name, with "model."; nothing if a checkpoint of the family has no such tensor.
std::optional<std::string> hf_tensor_name(const HfFamily& family, std::string_view gguf_name);

// Whether a tensor is there to be left out: tables of sines that are computed anew.
bool is_redundant_hf_tensor(std::string_view name);

// The name of a projection's packed scale: the weight's name + "_scale".
std::string scale_name(std::string_view weight_name);

}  // namespace tern::runtime
