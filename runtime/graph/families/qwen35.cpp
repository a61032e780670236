// Qwen3.5: most layers are of Gated DeltaNet, the others of attention whose output has a gate and whose heads
// turn in part.
#include <fmt/format.h>

#include "runtime/graph/families.h"
#include "runtime/graph/graph_builder.h"

namespace tern::runtime {
namespace {

constexpr std::string_view names[] = {"qwen35"};

void set_defaults(Hyperparameters& shape) {
  shape.activation = Activation::silu;
  shape.head_norm = HeadNorm::before_rope;
  shape.output_gate = true;
  shape.feed_forward_norm = WeightRole::post_attention_norm;
}

// The last layers predict tokens further on, and are not run.
void read_spare_layers(Keys& keys, Hyperparameters& shape) {
  if (!keys.has("nextn_predict_layers")) return;
  const auto spare = get_integer(keys.file(), keys.full("nextn_predict_layers"), 0, shape.block_count - 1);
  if (!spare) return keys.note(spare.error());
  shape.spare_layers = static_cast<uint32_t>(*spare);
  shape.block_count -= shape.spare_layers;
}

// A list says which layers are of Gated DeltaNet; without one, all are but each interval-th.
void read_recurrent_layers(Keys& keys, Hyperparameters& shape) {
  const uint32_t interval = keys.integer_or(4, "full_attention_interval", max_layers);
  if (keys.has("attention.recurrent_layers")) {
    shape.recurrent = keys.booleans("attention.recurrent_layers");
    const size_t listed = shape.recurrent.size();
    if (listed != shape.block_count && listed != size_t{shape.block_count} + shape.spare_layers)
      keys.complain(fmt::format("key '{}' has {} entries for {} layers",
                                keys.full("attention.recurrent_layers"), listed, shape.block_count));
    shape.recurrent.resize(shape.block_count);
  } else {
    for (uint32_t i = 0; i < shape.block_count; ++i) shape.recurrent.push_back((i + 1) % interval != 0);
  }
}

void read_delta(Keys& keys, Hyperparameters& shape) {
  shape.delta_window = keys.integer("ssm.conv_kernel", max_convolution);
  shape.delta_width = keys.integer("ssm.state_size", max_head_dimension);
  shape.delta_key_heads = keys.integer("ssm.group_count", max_heads);
  shape.delta_heads = keys.integer("ssm.time_step_rank", max_heads);
  const uint32_t inner = keys.integer("ssm.inner_size", max_matrix_width);
  if (keys.error()) return;
  if (shape.delta_length() != inner)
    keys.complain(fmt::format("key '{}' is {} where {} heads of {} imply {}", keys.full("ssm.inner_size"),
                              inner, shape.delta_heads, shape.delta_width, shape.delta_length()));
  if (shape.delta_heads % shape.delta_key_heads != 0)
    keys.complain(fmt::format("{} heads of values cannot share {} heads of keys evenly", shape.delta_heads,
                              shape.delta_key_heads));
  if (shape.delta_channels() > max_matrix_width)
    keys.complain(fmt::format("{} queries, keys and values are more than the limit of {}",
                              shape.delta_channels(), max_matrix_width));
  if (2 * shape.query_length() > max_matrix_width)
    keys.complain(fmt::format("{} heads of {}, and as many of their gate, are wider than the limit of {}",
                              shape.head_count, shape.head_dimension, max_matrix_width));
}

void read(Keys& keys, Hyperparameters& shape) {
  read_spare_layers(keys, shape);
  read_recurrent_layers(keys, shape);
  read_delta(keys, shape);
}

constexpr std::string_view own_keys[] = {
    "full_attention_interval", "attention.recurrent_layers", "nextn_predict_layers", "ssm.conv_kernel",
    "ssm.state_size", "ssm.group_count", "ssm.time_step_rank", "ssm.inner_size",
    // How images are turned. All positions of a text are equal in the three directions.
    "rope.dimension_sections"};

}  // namespace

extern const Family qwen35_family;
const Family qwen35_family = {names, build_decoder, set_defaults, read, own_keys, false, true};

}  // namespace tern::runtime
