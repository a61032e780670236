// Llama: a gate of SiLU and no sub-norms. The converters of llama.cpp permute the rows of Q and K so that
// rotary embedding turns adjacent pairs.
#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"llama"};

void set_defaults(Hyperparameters& shape) {
  shape.activation = Activation::silu;
  shape.rope_style = RopeStyle::adjacent;
}

}  // namespace

extern const Family llama_family;
const Family llama_family = {names, build_decoder, set_defaults, nullptr, {}, false, true};

}  // namespace tern::runtime
