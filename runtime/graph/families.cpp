#include "runtime/graph/families.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace tern::runtime {

// One in each file of runtime/graph/families/.
extern const Family bitnet_family;
extern const Family llama_family;
extern const Family qwen3_family;
extern const Family qwen3moe_family;
extern const Family maple_family;
extern const Family gemma3_family;
extern const Family minicpm_family;
extern const Family hunyuan_family;
extern const Family qwen35_family;
extern const Family binary_family;

namespace {

constexpr const Family* table[] = {
    &bitnet_family,    // BitNet b1.58 2B4T; 1bitLLM's bitnet_b1_58-large and -3B
    &llama_family,     // Llama3-8B-1.58, Falcon3, Falcon-E
    &qwen3_family,     // Ternary-Bonsai, CAT-Q, the embedding model of 0.6B
    &qwen3moe_family,  // CAT-Q 30B-A3B, 235B-A22B
    &maple_family,     // maple-preview 20B-A1B
    &gemma3_family,    // the embedding model of 270M
    &minicpm_family,   // BitCPM
    &hunyuan_family,   // Hy-MT
    &qwen35_family,    // Qwen3.5; Bonsai and Ternary-Bonsai 27B, Ternary-Bonsai-2
    &binary_family,    // BitNet of the first paper
};

}  // namespace

// Without a length of their own, experts share that of the feed-forward blocks of other layers.
void read_experts(Keys& keys, Hyperparameters& shape) {
  shape.expert_count = keys.integer("expert_count", max_experts);
  shape.experts_used = keys.integer("expert_used_count", max_experts);
  if (shape.experts_used > shape.expert_count)
    keys.complain(fmt::format("{} of {} experts cannot be chosen", shape.experts_used, shape.expert_count));
  const uint32_t share = std::max(1u, shape.feed_forward_length / shape.experts_used);
  shape.expert_feed_forward_length = keys.integer_or(share, "expert_feed_forward_length", max_matrix_width);
}

std::span<const Family* const> families() {
  return table;
}

const Family* find_family(std::string_view architecture) {
  for (const Family* family : table) {
    if (std::ranges::find(family->names, architecture) != family->names.end()) return family;
  }
  return nullptr;
}

std::vector<std::string_view> architecture_names() {
  std::vector<std::string_view> names;
  for (const Family* family : table) names.insert(names.end(), family->names.begin(), family->names.end());
  return names;
}

Graph build_graph(const Hyperparameters& shape) {
  const Family* family = find_family(shape.architecture);
  assert(family);
  return family->build(shape);
}

}  // namespace tern::runtime
