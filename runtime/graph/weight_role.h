// What the weights of a model are to its graph: a graph names them so, and is bound to a model's tensors
// later.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
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

struct WeightRoleRow {
  WeightRole role;
  std::string_view name;
  bool of_layer;  // each layer has its own
  bool is_norm;   // a row of f32, not a matrix
};
// In the order of WeightRole.
inline constexpr std::array<WeightRoleRow, 14> weight_roles = {{
    {WeightRole::token_embedding, "token_embedding", false, false},
    {WeightRole::attention_norm, "attention_norm", true, true},
    {WeightRole::query, "query", true, false},
    {WeightRole::key, "key", true, false},
    {WeightRole::value, "value", true, false},
    {WeightRole::attention_sub_norm, "attention_sub_norm", true, true},
    {WeightRole::attention_output, "attention_output", true, false},
    {WeightRole::feed_forward_norm, "feed_forward_norm", true, true},
    {WeightRole::gate, "gate", true, false},
    {WeightRole::up, "up", true, false},
    {WeightRole::feed_forward_sub_norm, "feed_forward_sub_norm", true, true},
    {WeightRole::down, "down", true, false},
    {WeightRole::output_norm, "output_norm", false, true},
    {WeightRole::output, "output", false, false},
}};
constexpr const WeightRoleRow& row(WeightRole role) {
  return weight_roles[static_cast<size_t>(role)];
}
constexpr std::string_view name(WeightRole role) {
  return row(role).name;
}
std::optional<WeightRole> weight_role_named(std::string_view name);

}  // namespace tern::runtime
