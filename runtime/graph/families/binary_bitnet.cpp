// BitNet, the binary one of the first paper (arXiv 2310.11453, section 2): weights are sign(W - mean(W))
// times beta = mean(|W|) of a matrix, activations are i8 with one scale a token, and each BitLinear quantises
// a LayerNorm of what it reads (SubLN), so that there is one before each of the two products of a block. The
// feed-forward block has no gate; its function is GELU.
//
// No such model has been published, and what the paper leaves open is settled here: the name of the
// architecture and the rotary embedding are ours; queries, keys and values share one LayerNorm; the norms
// have weights, 1 if need be, and no bias; the largest activation becomes 127, where the paper clips 128 to
// 128 - e, as in the formula that its authors published with BitNet b1.58.
#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"bitnet-b1"};

void set_defaults(Hyperparameters& shape) {
  shape.sub_norms = shape.centered_norms = true;
  shape.gated = false;
  shape.activation = Activation::gelu;
}

}  // namespace

extern const Family binary_family;
const Family binary_family = {
    .names = names, .build = build_decoder, .set_defaults = set_defaults, .activations_per_token = true};

}  // namespace tern::runtime
