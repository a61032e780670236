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
  output,      // the head: a matrix of its own, or the embedding
  query_norm,  // over each head
  key_norm,
  post_attention_norm,
  post_feed_forward_norm,
  query_input_norm,
  key_input_norm,
  value_input_norm,
  attention_output_input_norm,
  gate_input_norm,
  up_input_norm,
  down_input_norm,
  rope_divisors,
  rope_divisors_long,  // of contexts longer than those of training; the other of these two is not read
  rope_divisors_short,
  router,
  gate_experts,  // a matrix for each expert
  up_experts,
  down_experts,
  // Of layers of Gated DeltaNet.
  delta_inputs,       // queries, keys and values of all heads
  delta_gate,         // of what comes out
  delta_alpha,        // how fast each head forgets
  delta_beta,         // how much each head takes in
  delta_convolution,  // [token][channel], the oldest token first
  delta_bias,         // of alpha
  delta_rate,         // below 0
  delta_norm,         // over each head
  delta_output,
};

struct WeightRoleInfo {
  WeightRole role;
  std::string_view name;
  std::string_view tensor;              // in GGUF files: see tensor_prefix
  bool of_layer;                        // each layer has its own
  bool is_norm;                         // a vector of f32 (of a norm, or divisors), not a matrix
  std::string_view suffix = ".weight";  // of the tensor's name
};
// In the order of WeightRole.
inline constexpr std::array<WeightRoleInfo, 41> weight_roles = {{
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
    {WeightRole::query_norm, "query_norm", "attn_q_norm", true, true},
    {WeightRole::key_norm, "key_norm", "attn_k_norm", true, true},
    {WeightRole::post_attention_norm, "post_attention_norm", "post_attention_norm", true, true},
    {WeightRole::post_feed_forward_norm, "post_feed_forward_norm", "post_ffw_norm", true, true},
    {WeightRole::query_input_norm, "query_input_norm", "attn_q_norm_in", true, true},
    {WeightRole::key_input_norm, "key_input_norm", "attn_k_norm_in", true, true},
    {WeightRole::value_input_norm, "value_input_norm", "attn_v_norm_in", true, true},
    {WeightRole::attention_output_input_norm, "attention_output_input_norm", "attn_output_norm_in", true,
     true},
    {WeightRole::gate_input_norm, "gate_input_norm", "ffn_gate_norm_in", true, true},
    {WeightRole::up_input_norm, "up_input_norm", "ffn_up_norm_in", true, true},
    {WeightRole::down_input_norm, "down_input_norm", "ffn_down_norm_in", true, true},
    {WeightRole::rope_divisors, "rope_divisors", "rope_freqs", false, true},
    {WeightRole::rope_divisors_long, "rope_divisors_long", "rope_factors_long", false, true},
    {WeightRole::rope_divisors_short, "rope_divisors_short", "rope_factors_short", false, true},
    {WeightRole::router, "router", "ffn_gate_inp", true, false},
    {WeightRole::gate_experts, "gate_experts", "ffn_gate_exps", true, false},
    {WeightRole::up_experts, "up_experts", "ffn_up_exps", true, false},
    {WeightRole::down_experts, "down_experts", "ffn_down_exps", true, false},
    {WeightRole::delta_inputs, "delta_inputs", "attn_qkv", true, false},
    {WeightRole::delta_gate, "delta_gate", "attn_gate", true, false},
    {WeightRole::delta_alpha, "delta_alpha", "ssm_alpha", true, false},
    {WeightRole::delta_beta, "delta_beta", "ssm_beta", true, false},
    {WeightRole::delta_convolution, "delta_convolution", "ssm_conv1d", true, true},
    {WeightRole::delta_bias, "delta_bias", "ssm_dt", true, true, ".bias"},
    {WeightRole::delta_rate, "delta_rate", "ssm_a", true, true, ""},
    {WeightRole::delta_norm, "delta_norm", "ssm_norm", true, true},
    {WeightRole::delta_output, "delta_output", "ssm_out", true, false},
}};
constexpr const WeightRoleInfo& info(WeightRole role) {
  return weight_roles[static_cast<size_t>(role)];
}
constexpr std::string_view name(WeightRole role) {
  return info(role).name;
}
// The beginning of its tensors' names in GGUF files: `blk.3.attn_q`. `layer` is -1 for roles of no layer.
std::string tensor_prefix(WeightRole role, int64_t layer);
// The whole name: `blk.3.attn_q.weight`.
std::string tensor_name(WeightRole role, int64_t layer);
std::optional<WeightRole> weight_role_named(std::string_view name);

}  // namespace tern::runtime
