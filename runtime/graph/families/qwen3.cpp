// Qwen3: heads of queries and keys are normed before they are turned. The embedding model of this family has
// a norm for the input of each projection, too.
#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"qwen3"};

void set_defaults(Hyperparameters& shape) {
  shape.activation = Activation::silu;
  shape.head_norm = HeadNorm::before_rope;
}

void read(Keys& keys, Hyperparameters& shape) {
  shape.input_norms = keys.file().find_tensor("blk.0.attn_q_norm_in.weight") != nullptr;
}

}  // namespace

extern const Family qwen3_family;
const Family qwen3_family = {names, build_decoder, set_defaults, read, {}, false, true};

}  // namespace tern::runtime
