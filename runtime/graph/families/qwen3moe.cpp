// Qwen3 with a mixture of experts in the place of each feed-forward block.
#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"qwen3moe"};

void set_defaults(Hyperparameters& shape) {
  shape.activation = Activation::silu;
  shape.head_norm = HeadNorm::before_rope;
}

void read(Keys& keys, Hyperparameters& shape) {
  read_experts(keys, shape);
}

}  // namespace

extern const Family qwen3moe_family;
const Family qwen3moe_family = {names, build_decoder, set_defaults, read, expert_keys};

}  // namespace tern::runtime
