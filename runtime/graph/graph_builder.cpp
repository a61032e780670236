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
  Operation embed{.op = Op::embed, .weights = {WeightRole::token_embedding}};
  hidden_ = add(std::move(embed), "embedded", ValueKind::f32, shape.embedding_length);
  angles_ =
      add({.op = Op::rope_angles, .base = shape.rope_base}, "angles", ValueKind::f32, shape.rope_dimension);
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
  const int argument = add_value("hidden", {ValueKind::f32, width_of(hidden_)});
  block.carried.push_back({argument, hidden_, -1});
  hidden_ = argument;
  graph_.blocks.push_back(std::move(block));
}

void GraphBuilder::end_layers() {
  Carried& carried = graph_.blocks.back().carried[0];
  carried.next = hidden_;
  hidden_ = carried.argument;
}

int GraphBuilder::rms_norm(std::string_view name, int input, WeightRole weights) {
  Operation norm{
      .op = Op::rms_norm, .operands = {input}, .weights = {weights}, .epsilon = shape_.rms_epsilon};
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

int GraphBuilder::rope(std::string_view name, int input, int64_t heads) {
  return add({.op = Op::rope, .operands = {input, angles_}, .heads = heads}, name, ValueKind::f32,
             width_of(input));
}

int GraphBuilder::attention(std::string_view name, int query, int key, int value) {
  const int64_t heads = shape_.head_count, kv_heads = shape_.head_count_kv;
  const int pages = add({.op = Op::store, .operands = {key, value}, .heads = kv_heads}, "pages",
                        ValueKind::pages, width_of(key));
  const int partials =
      add({.op = Op::attend, .operands = {query, pages}, .heads = heads, .kv_heads = kv_heads}, "partials",
          ValueKind::partials, width_of(query));
  return add({.op = Op::combine, .operands = {partials}, .heads = heads}, name, ValueKind::f32,
             width_of(query));
}

int GraphBuilder::gate(std::string_view name, int input, int up) {
  return add({.op = Op::gate, .operands = {input, up}, .function = shape_.activation}, name, ValueKind::f32,
             width_of(input));
}

void GraphBuilder::add_to_hidden(int input) {
  hidden_ = add({.op = Op::add, .operands = {hidden_, input}}, "hidden", ValueKind::f32, width_of(hidden_));
}

Graph GraphBuilder::finish() {
  graph_.blocks.emplace_back();
  const int selected =
      add({.op = Op::select, .operands = {hidden_}}, "selected", ValueKind::f32, width_of(hidden_));
  int normed = rms_norm("output_norm", selected, WeightRole::output_norm);
  if (shape_.head_group != 0) normed = quantize("head_in", normed, shape_.head_group);
  graph_.logits = matmul("logits", normed, WeightRole::output, shape_.vocabulary_size);
  return std::move(graph_);
}

void attention_block(GraphBuilder& builder) {
  const Hyperparameters& shape = builder.shape();
  const auto q = static_cast<int64_t>(shape.query_length()),
             kv = static_cast<int64_t>(shape.key_value_length());
  const int norm = builder.rms_norm("attention_norm", builder.hidden(), WeightRole::attention_norm);
  const int input = builder.quantize("attention_in", norm);
  const int query = builder.matmul("query", input, WeightRole::query, q);
  const int key = builder.matmul("key", input, WeightRole::key, kv);
  const int value = builder.matmul("value", input, WeightRole::value, kv);
  const int turned_query = builder.rope("turned_query", query, shape.head_count);
  const int turned_key = builder.rope("turned_key", key, shape.head_count_kv);
  int attended = builder.attention("attended", turned_query, turned_key, value);
  if (shape.sub_norms)
    attended = builder.rms_norm("attention_sub_norm", attended, WeightRole::attention_sub_norm);
  const int quantized = builder.quantize("attention_quantized", attended);
  builder.add_to_hidden(
      builder.matmul("attention_out", quantized, WeightRole::attention_output, shape.embedding_length));
}

void feed_forward_block(GraphBuilder& builder) {
  const Hyperparameters& shape = builder.shape();
  const int norm = builder.rms_norm("feed_forward_norm", builder.hidden(), WeightRole::feed_forward_norm);
  const int input = builder.quantize("feed_forward_in", norm);
  const int gate = builder.matmul("gate", input, WeightRole::gate, shape.feed_forward_length);
  const int up = builder.matmul("up", input, WeightRole::up, shape.feed_forward_length);
  int gated = builder.gate("gated", gate, up);
  if (shape.sub_norms)
    gated = builder.rms_norm("feed_forward_sub_norm", gated, WeightRole::feed_forward_sub_norm);
  const int quantized = builder.quantize("gated_quantized", gated);
  builder.add_to_hidden(builder.matmul("down", quantized, WeightRole::down, shape.embedding_length));
}

}  // namespace tern::runtime
