// The roles of weights: a graph names its weights by role, and is bound to a model's tensors later.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tern::runtime {

enum class WeightRole : uint8_t {
  token_embedding,
  attention_norm,
  query,
  key,
  value,
  attention_sub_norm,
  attention_output,
  feed_forward_norm,
  gate,
  up,
  feed_forward_sub_norm,
  down,
  output_norm,
  output,  // the head: a matrix of its own, or the embedding
};

struct WeightRoleInfo {
  WeightRole role;
  std::string_view name;
  std::string_view tensor;  // in GGUF files: see tensor_prefix
  bool of_layer;            // each layer has its own
  bool is_norm;             // a vector of f32, not a matrix
};
// In the order of WeightRole.
inline constexpr std::array<WeightRoleInfo, 14> weight_roles = {{
    {WeightRole::token_embedding, "token_embedding", "token_embd", false, false},
    {WeightRole::attention_norm, "attention_norm", "attn_norm", true, true},
    {WeightRole::query, "query", "attn_q", true, false},
    {WeightRole::key, "key", "attn_k", true, false},
    {WeightRole::value, "value", "attn_v", true, false},
    {WeightRole::attention_sub_norm, "attention_sub_norm", "attn_sub_norm", true, true},
    {WeightRole::attention_output, "attention_output", "attn_output", true, false},
    {WeightRole::feed_forward_norm, "feed_forward_norm", "ffn_norm", true, true},
    {WeightRole::gate, "gate", "ffn_gate", true, false},
    {WeightRole::up, "up", "ffn_up", true, false},
    {WeightRole::feed_forward_sub_norm, "feed_forward_sub_norm", "ffn_sub_norm", true, true},
    {WeightRole::down, "down", "ffn_down", true, false},
    {WeightRole::output_norm, "output_norm", "output_norm", false, true},
    {WeightRole::output, "output", "output", false, false},
}};
constexpr const WeightRoleInfo& info(WeightRole role) {
  return weight_roles[static_cast<size_t>(role)];
}
constexpr std::string_view name(WeightRole role) {
  return info(role).name;
}
// The beginning of its tensors' names in GGUF files: `blk.3.attn_q`. `layer` is -1 for roles of no layer.
std::string tensor_prefix(WeightRole role, int64_t layer);
std::optional<WeightRole> weight_role_named(std::string_view name);

}  // namespace tern::runtime
