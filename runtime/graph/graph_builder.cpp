#include "runtime/graph/graph_builder.h"

#include <fmt/format.h>

#include <algorithm>

namespace tern::runtime {
namespace {

// A word of the graph's text: "bitnet-b1.58" becomes bitnet_b1_58.
std::string word_of(std::string text) {
  const auto is_in_words = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  std::ranges::replace_if(
      text, [&](char c) { return !is_in_words(c); }, '_');
  return text;
}

}  // namespace

GraphBuilder::GraphBuilder(const Hyperparameters& shape) : shape_(shape) {
  graph_.name = word_of(shape.architecture);
  graph_.blocks.emplace_back();
  Operation embed{.op = Op::embed, .weights = {WeightRole::token_embedding}, .factor = shape.embedding_scale};
  if (shape.rotation.embedding) embed.block = shape.rotation.block;
  hidden_ = add(std::move(embed), "embedded", ValueKind::f32, shape.embedding_length);
  const auto slides = static_cast<size_t>(std::ranges::count(shape.sliding, true));
  const bool has_global = slides < shape.block_count && shape.rope_in_global;
  if (has_global || slides == 0) angles_ = add_angles("angles", shape.rope_base);
  if (slides == 0) return;
  const bool shared = has_global && shape.rope_base_sliding == shape.rope_base;
  sliding_angles_ = shared ? angles_ : add_angles("sliding_angles", shape.rope_base_sliding);
}

int GraphBuilder::add_angles(std::string_view name, float base) {
  const RopeScaling& scaling = shape_.rope_scaling;
  Operation angles{.op = Op::rope_angles,
                   .base = base,
                   .divisor = scaling.divisor,
                   .context = scaling.context,
                   .magnitude = scaling.magnitude};
  if (scaling.divisors) angles.weights = {*scaling.divisors};
  return add(std::move(angles), name, ValueKind::f32, shape_.rope_dimension);
}

int GraphBuilder::add_value(std::string_view name, ValueType type) {
  std::string unique(name);
  for (int i = 2; find_value(graph_, unique) >= 0; ++i) unique = fmt::format("{}_{}", name, i);
  graph_.values.push_back({std::move(unique), type, {}});
  return static_cast<int>(graph_.values.size()) - 1;
}

int GraphBuilder::add(Operation operation, std::string_view name, ValueKind kind, int64_t width) {
  operation.results = {add_value(name, {kind, width})};
  graph_.blocks.back().operations.push_back(operation);
  return operation.results[0];
}

void GraphBuilder::begin_layers(int64_t layers) {
  Block block;
  for (const Block& before : graph_.blocks) block.first_layer += before.layers;
  block.layers = layers;
  layer_ = block.first_layer;
  const int argument = add_value("hidden", {ValueKind::f32, width_of(hidden_)});
  block.carried.push_back({argument, hidden_, -1});
  hidden_ = argument;
  graph_.blocks.push_back(std::move(block));
}

void GraphBuilder::end_layers() {
  Carried& carried = graph_.blocks.back().carried[0];
  carried.next = hidden_;
  hidden_ = carried.argument;
  layer_ = -1;
}

int GraphBuilder::rms_norm(std::string_view name, int input, WeightRole weights, int64_t heads) {
  if (shape_.centered_norms && heads == 0)
    input = add({.op = Op::center, .operands = {input}}, fmt::format("{}_centered", name), ValueKind::f32,
                width_of(input));
  Operation norm{.op = Op::rms_norm,
                 .operands = {input},
                 .weights = {weights},
                 .epsilon = shape_.rms_epsilon,
                 .heads = heads};
  return add(std::move(norm), name, ValueKind::f32, width_of(input));
}

int GraphBuilder::quantize(std::string_view name, int input) {
  return shape_.float_activations ? input : quantize(name, input, shape_.activation_group);
}

int GraphBuilder::quantize(std::string_view name, int input, int64_t group) {
  const int result = add({.op = Op::quantize, .operands = {input}}, name, ValueKind::i8, width_of(input));
  graph_.values[static_cast<size_t>(result)].type.group = group;
  return result;
}

int GraphBuilder::matmul(std::string_view name, int input, WeightRole weights, int64_t outputs) {
  return add({.op = Op::matmul, .operands = {input}, .weights = {weights}}, name, ValueKind::f32, outputs);
}

int GraphBuilder::rope(std::string_view name, int input, int angles, int64_t heads) {
  return add({.op = Op::rope, .operands = {input, angles}, .heads = heads, .pairs = shape_.rope_style}, name,
             ValueKind::f32, width_of(input));
}

int GraphBuilder::attention(std::string_view name, int query, int key, int value, int64_t window) {
  const int64_t heads = shape_.head_count, kv_heads = shape_.head_count_kv;
  const int pages = add({.op = Op::store, .operands = {key, value}, .heads = kv_heads}, "pages",
                        ValueKind::pages, width_of(key));
  Operation attend{
      .op = Op::attend, .operands = {query, pages}, .heads = heads, .kv_heads = kv_heads, .window = window};
  const int partials = add(std::move(attend), "partials", ValueKind::partials, width_of(query));
  return add({.op = Op::combine, .operands = {partials}, .heads = heads, .window = window}, name,
             ValueKind::f32, width_of(query));
}

int GraphBuilder::gate(std::string_view name, int input, int up) {
  Operation gate{
      .op = Op::gate, .operands = {input, up}, .function = shape_.activation, .limit = shape_.gate_limit};
  return add(std::move(gate), name, ValueKind::f32, width_of(input));
}

int GraphBuilder::gate(std::string_view name, Activation function, int input, int up) {
  return add({.op = Op::gate, .operands = {input, up}, .function = function}, name, ValueKind::f32,
             width_of(input));
}

int GraphBuilder::part(std::string_view name, int input, int64_t heads, int64_t index, int64_t width) {
  return add({.op = Op::part, .operands = {input}, .heads = heads, .part = index}, name, ValueKind::f32,
             heads * width);
}

int GraphBuilder::rotate(std::string_view name, int input, WeightRole weights) {
  Operation rotate{.op = Op::rotate, .operands = {input}, .block = shape_.rotation.block};
  if (weights == WeightRole::delta_output && shape_.rotation.groups_heads) {
    rotate.heads = shape_.delta_heads;
    rotate.kv_heads = shape_.delta_key_heads;
  }
  return add(std::move(rotate), name, ValueKind::f32, width_of(input));
}

int GraphBuilder::convolve(std::string_view name, int input) {
  Operation convolve{.op = Op::convolve,
                     .operands = {input},
                     .weights = {WeightRole::delta_convolution},
                     .window = shape_.delta_window};
  return add(std::move(convolve), name, ValueKind::f32, width_of(input));
}

int GraphBuilder::delta_rule(std::string_view name, int inputs, int alpha, int beta) {
  Operation rule{.op = Op::delta_rule,
                 .operands = {inputs, alpha, beta},
                 .weights = {WeightRole::delta_bias, WeightRole::delta_rate},
                 .epsilon = shape_.rms_epsilon,
                 .heads = shape_.delta_heads,
                 .kv_heads = shape_.delta_key_heads};
  return add(std::move(rule), name, ValueKind::f32, static_cast<int64_t>(shape_.delta_length()));
}

int GraphBuilder::activate(std::string_view name, int input) {
  return add({.op = Op::activate, .operands = {input}, .function = shape_.activation}, name, ValueKind::f32,
             width_of(input));
}

int GraphBuilder::route(std::string_view name, int router_logits) {
  return add({.op = Op::route, .operands = {router_logits}}, name, ValueKind::routes, shape_.experts_used);
}

int GraphBuilder::gather(std::string_view name, int input, int routes) {
  const ValueType from = type_of(input);
  const int result = add({.op = Op::gather, .operands = {input, routes}}, name, from.kind, from.width);
  type_of(result) = from;
  type_of(result).copies = shape_.experts_used;
  return result;
}

int GraphBuilder::expert_matmul(std::string_view name, int input, int routes, WeightRole weights,
                                int64_t outputs) {
  Operation product{.op = Op::expert_matmul,
                    .operands = {input, routes},
                    .weights = {weights},
                    .experts = shape_.expert_count};
  const int result = add(std::move(product), name, ValueKind::f32, outputs);
  type_of(result).copies = shape_.experts_used;
  return result;
}

int GraphBuilder::expert_gate(std::string_view name, int gate, int up, int routes) {
  Operation operation{.op = Op::expert_gate,
                      .operands = {gate, up, routes},
                      .function = shape_.activation,
                      .limit = shape_.gate_limit};
  const ValueKind kind = shape_.float_activations ? ValueKind::f32 : ValueKind::i8;
  const int result = add(std::move(operation), name, kind, width_of(gate));
  if (kind == ValueKind::i8) type_of(result).group = shape_.activation_group;
  type_of(result).copies = shape_.experts_used;
  return result;
}

int GraphBuilder::mix(std::string_view name, int input, int routes) {
  return add({.op = Op::mix, .operands = {input, routes}}, name, ValueKind::f32, width_of(input));
}

void GraphBuilder::add_to_hidden(int input) {
  Operation sum{.op = Op::add, .operands = {hidden_, input}, .factor = shape_.residual_scale};
  hidden_ = add(std::move(sum), "hidden", ValueKind::f32, width_of(hidden_));
}

Graph GraphBuilder::finish() {
  graph_.blocks.emplace_back();
  const int selected =
      add({.op = Op::select, .operands = {hidden_}}, "selected", ValueKind::f32, width_of(hidden_));
  int normed = rms_norm("output_norm", selected, WeightRole::output_norm);
  if (shape_.rotation.head) normed = rotate("rotated", normed, WeightRole::output);
  if (shape_.head_group != 0) normed = quantize("head_in", normed, shape_.head_group);
  int logits = matmul("logits", normed, WeightRole::output, shape_.vocabulary_size);
  if (shape_.logit_scale != 1)
    logits = add({.op = Op::scale, .operands = {logits}, .factor = shape_.logit_scale}, "scaled_logits",
                 ValueKind::f32, shape_.vocabulary_size);
  graph_.logits = logits;
  return std::move(graph_);
}

namespace {

// What several products of a block read: one value in the forms that they need, each made once.
class Inputs {
 public:
  // `name` is that of the quantised forms.
  Inputs(GraphBuilder& builder, std::string_view name, int value)
      : builder_(builder), name_(name), value_(value) {}

  int of(WeightRole weights) {
    const bool is_rotated = builder_.is_rotated(weights);
    int& known = is_rotated ? rotated_ : plain_;
    if (known < 0)
      known = builder_.quantize(name_, is_rotated ? builder_.rotate("rotated", value_, weights) : value_);
    return known;
  }
  // That with a norm for the projection `name` alone, if the model has such norms.
  int of(WeightRole weights, std::string_view name, WeightRole norm) {
    if (!builder_.shape().input_norms) return of(weights);
    const int normed = builder_.rms_norm(fmt::format("{}_normed", name), value_, norm);
    return Inputs(builder_, fmt::format("{}_in", name), normed).of(weights);
  }

 private:
  GraphBuilder& builder_;
  std::string name_;
  int value_, plain_ = -1, rotated_ = -1;
};

// Queries or keys as attention reads them.
int turn(GraphBuilder& builder, std::string_view name, int input, WeightRole norm, int64_t heads,
         int angles) {
  const HeadNorm place = builder.shape().head_norm;
  if (place == HeadNorm::before_rope)
    input = builder.rms_norm(fmt::format("normed_{}", name), input, norm, heads);
  if (angles >= 0) input = builder.rope(fmt::format("turned_{}", name), input, angles, heads);
  if (place == HeadNorm::after_rope)
    input = builder.rms_norm(fmt::format("normed_{}", name), input, norm, heads);
  return input;
}

}  // namespace

void attention_block(GraphBuilder& builder, bool sliding) {
  const Hyperparameters& shape = builder.shape();
  const auto q = static_cast<int64_t>(shape.query_length()),
             kv = static_cast<int64_t>(shape.key_value_length());
  const int norm = builder.rms_norm("attention_norm", builder.hidden(), WeightRole::attention_norm);
  Inputs inputs(builder, "attention_in", norm);
  const auto project = [&](std::string_view name, WeightRole input_norm, WeightRole weights, int64_t width) {
    return builder.matmul(name, inputs.of(weights, name, input_norm), weights, width);
  };
  int query =
      project("query", WeightRole::query_input_norm, WeightRole::query, shape.output_gate ? 2 * q : q);
  const int key = project("key", WeightRole::key_input_norm, WeightRole::key, kv);
  const int value = project("value", WeightRole::value_input_norm, WeightRole::value, kv);
  int gate = -1;
  if (shape.output_gate) {
    gate = builder.part("output_gate", query, shape.head_count, 1, shape.head_dimension);
    query = builder.part("query_part", query, shape.head_count, 0, shape.head_dimension);
  }
  const int angles = builder.angles(sliding);
  const int turned_query = turn(builder, "query", query, WeightRole::query_norm, shape.head_count, angles);
  const int turned_key = turn(builder, "key", key, WeightRole::key_norm, shape.head_count_kv, angles);
  int attended = builder.attention("attended", turned_query, turned_key, value, sliding ? shape.window : 0);
  if (gate >= 0) attended = builder.gate("attended_gated", Activation::sigmoid, gate, attended);
  if (shape.sub_norms)
    attended = builder.rms_norm("attention_sub_norm", attended, WeightRole::attention_sub_norm);
  if (shape.input_norms)
    attended = builder.rms_norm("attention_out_normed", attended, WeightRole::attention_output_input_norm);
  const int quantized = Inputs(builder, "attention_quantized", attended).of(WeightRole::attention_output);
  int out = builder.matmul("attention_out", quantized, WeightRole::attention_output, shape.embedding_length);
  if (shape.post_norms) out = builder.rms_norm("post_attention_norm", out, WeightRole::post_attention_norm);
  builder.add_to_hidden(out);
}

void delta_block(GraphBuilder& builder) {
  const Hyperparameters& shape = builder.shape();
  const auto channels = static_cast<int64_t>(shape.delta_channels()),
             values = static_cast<int64_t>(shape.delta_length());
  const int norm = builder.rms_norm("attention_norm", builder.hidden(), WeightRole::attention_norm);
  Inputs inputs(builder, "attention_in", norm);
  const int mixed =
      builder.matmul("mixed", inputs.of(WeightRole::delta_inputs), WeightRole::delta_inputs, channels);
  const int gate =
      builder.matmul("output_gate", inputs.of(WeightRole::delta_gate), WeightRole::delta_gate, values);
  // So few outputs that exact sums would save nothing.
  const int alpha = builder.matmul("alpha", norm, WeightRole::delta_alpha, shape.delta_heads);
  const int beta = builder.matmul("beta", norm, WeightRole::delta_beta, shape.delta_heads);
  const int recalled = builder.delta_rule("recalled", builder.convolve("convolved", mixed), alpha, beta);
  const int normed = builder.rms_norm("recalled_normed", recalled, WeightRole::delta_norm, shape.delta_heads);
  const int gated = builder.gate("recalled_gated", Activation::silu, gate, normed);
  const int quantized = Inputs(builder, "attention_quantized", gated).of(WeightRole::delta_output);
  builder.add_to_hidden(
      builder.matmul("attention_out", quantized, WeightRole::delta_output, shape.embedding_length));
}

void feed_forward_block(GraphBuilder& builder) {
  const Hyperparameters& shape = builder.shape();
  const int norm = builder.rms_norm("feed_forward_norm", builder.hidden(), shape.feed_forward_norm);
  Inputs inputs(builder, "feed_forward_in", norm);
  const auto project = [&](std::string_view name, WeightRole input_norm, WeightRole weights) {
    return builder.matmul(name, inputs.of(weights, name, input_norm), weights, shape.feed_forward_length);
  };
  const int gate = shape.gated ? project("gate", WeightRole::gate_input_norm, WeightRole::gate) : -1;
  const int up = project("up", WeightRole::up_input_norm, WeightRole::up);
  int gated = shape.gated ? builder.gate("gated", gate, up) : builder.activate("activated", up);
  if (shape.sub_norms)
    gated = builder.rms_norm("feed_forward_sub_norm", gated, WeightRole::feed_forward_sub_norm);
  if (shape.input_norms) gated = builder.rms_norm("gated_normed", gated, WeightRole::down_input_norm);
  const int quantized = Inputs(builder, "gated_quantized", gated).of(WeightRole::down);
  int down = builder.matmul("down", quantized, WeightRole::down, shape.embedding_length);
  if (shape.post_norms)
    down = builder.rms_norm("post_feed_forward_norm", down, WeightRole::post_feed_forward_norm);
  builder.add_to_hidden(down);
}

void expert_block(GraphBuilder& builder) {
  const Hyperparameters& shape = builder.shape();
  const int64_t width = shape.expert_feed_forward_length;
  const int norm = builder.rms_norm("feed_forward_norm", builder.hidden(), WeightRole::feed_forward_norm);
  const int logits = builder.matmul("router_logits", norm, WeightRole::router, shape.expert_count);
  const int routes = builder.route("routes", logits);
  const int quantized = builder.quantize("feed_forward_in", norm);
  const int input = builder.gather("expert_in", quantized, routes);
  const int gate = builder.expert_matmul("gate", input, routes, WeightRole::gate_experts, width);
  const int up = builder.expert_matmul("up", input, routes, WeightRole::up_experts, width);
  const int gated = builder.expert_gate("gated", gate, up, routes);
  const int down =
      builder.expert_matmul("down", gated, routes, WeightRole::down_experts, shape.embedding_length);
  builder.add_to_hidden(builder.mix("mixed", down, routes));
}

Graph build_decoder(const Hyperparameters& shape) {
  GraphBuilder builder(shape);
  const int64_t layers = shape.block_count;
  const auto are_alike = [&](int64_t a, int64_t b) {
    const std::vector<std::vector<WeightRole>>& rotated = shape.rotation.layers;
    return shape.is_sliding(a) == shape.is_sliding(b) && shape.is_recurrent(a) == shape.is_recurrent(b) &&
           (rotated.empty() || rotated[static_cast<size_t>(a)] == rotated[static_cast<size_t>(b)]);
  };
  for (int64_t first = 0, end = 0; first < layers; first = end) {
    while (end < layers && are_alike(first, end)) ++end;
    builder.begin_layers(end - first);
    if (shape.is_recurrent(first))
      delta_block(builder);
    else
      attention_block(builder, shape.is_sliding(first));
    if (shape.expert_count > 0)
      expert_block(builder);
    else
      feed_forward_block(builder);
    builder.end_layers();
  }
  return builder.finish();
}

}  // namespace tern::runtime
