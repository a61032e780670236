// Hunyuan, dense: heads of queries and keys are normed after they were turned.
#include <cmath>

#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"hunyuan-dense"};

void set_defaults(Hyperparameters& shape) {
  shape.activation = Activation::silu;
  shape.head_norm = HeadNorm::after_rope;
}

// theta * alpha^(d / (d - 2)). Most files hold the product and no alpha.
void read(Keys& keys, Hyperparameters& shape) {
  const float alpha = keys.number_or(0, "rope.scaling.alpha", 0, 1e6);
  const double d = shape.rope_dimension;
  if (alpha > 0 && d > 2)
    shape.rope_base = static_cast<float>(shape.rope_base * std::pow(static_cast<double>(alpha), d / (d - 2)));
}

constexpr std::string_view own_keys[] = {"rope.scaling.alpha"};

}  // namespace

extern const Family hunyuan_family;
const Family hunyuan_family = {names, build_decoder, set_defaults, read, own_keys};

}  // namespace tern::runtime
