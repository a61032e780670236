// Builds the graph of a model from the blocks that families share.
//
// A family (runtime/graph/families/) is one function, which says in which order the blocks come:
//
//   Graph build_decoder(const Hyperparameters& shape) {
//     GraphBuilder builder(shape);
//     builder.begin_layers(shape.block_count);
//     attention_block(builder);
//     feed_forward_block(builder);
//     builder.end_layers();
//     return builder.finish();
//   }
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/graph/graph.h"

namespace tern::runtime {

class GraphBuilder {
 public:
  // Begins with the embedding of the tokens and the angles of their positions.
  explicit GraphBuilder(const Hyperparameters& shape);

  const Hyperparameters& shape() const { return shape_; }
  int hidden() const { return hidden_; }  // the residual stream: f32[embedding_length]
  // The second operand of rope in layers of full and of sliding attention; -1 if these layers turn nothing.
  int angles(bool sliding) const { return sliding ? sliding_angles_ : angles_; }

  // The operations between these two calls are those of each of the next `layers` layers.
  void begin_layers(int64_t layers);
  void end_layers();

  // Operations. The result's name is `name`, or that with a number if it is taken.
  // Over the row, or over each of its `heads`. Of rows it is LayerNorm if shape().centered_norms says so.
  int rms_norm(std::string_view name, int input, WeightRole weights, int64_t heads = 0);
  // The i8 form of what a layer multiplies: by token, or by group of shape().activation_group numbers. The
  // input itself if the model's activations stay floats.
  int quantize(std::string_view name, int input);
  // By group of this many numbers, or by row if it is 0.
  int quantize(std::string_view name, int input, int64_t group);
  int matmul(std::string_view name, int input, WeightRole weights, int64_t outputs);
  int rope(std::string_view name, int input, int angles, int64_t heads);
  // Of the last `window` positions; 0: of all.
  int attention(std::string_view name, int query, int key, int value, int64_t window);
  int gate(std::string_view name, int input, int up);
  // By a function other than the shape's, without limit.
  int gate(std::string_view name, Activation function, int input, int up);
  // Of each of `heads` heads the numbers from index * width on, `width` of them.
  int part(std::string_view name, int input, int64_t heads, int64_t index, int64_t width);
  // What the product with these weights of the layer at hand reads in the place of `input`.
  int rotate(std::string_view name, int input, WeightRole weights);
  bool is_rotated(WeightRole weights) const { return shape_.rotation.is_rotated(weights, layer_); }
  // Of layers of Gated DeltaNet.
  int convolve(std::string_view name, int input);
  int delta_rule(std::string_view name, int inputs, int alpha, int beta);
  int activate(std::string_view name, int input);
  // The experts that the router chose, of which each row has shape().experts_used.
  int route(std::string_view name, int router_logits);
  int gather(std::string_view name, int input, int routes);
  int expert_matmul(std::string_view name, int input, int routes, WeightRole weights, int64_t outputs);
  // As gate, in the form that the next product reads.
  int expert_gate(std::string_view name, int gate, int up, int routes);
  int mix(std::string_view name, int input, int routes);
  // hidden() is the sum of itself and `input`, times the shape's residual_scale, from now on.
  void add_to_hidden(int input);

  // Ends with the norm and the head, which read the rows whose logits are asked for.
  Graph finish();

 private:
  int add_angles(std::string_view name, float base);
  int add(Operation operation, std::string_view name, ValueKind kind, int64_t width);
  int add_value(std::string_view name, ValueType type);
  ValueType& type_of(int value) { return graph_.values[static_cast<size_t>(value)].type; }
  int64_t width_of(int value) const { return graph_.values[static_cast<size_t>(value)].type.width; }

  const Hyperparameters shape_;
  Graph graph_;
  int hidden_ = -1, angles_ = -1, sliding_angles_ = -1;
  int64_t layer_ = -1;  // the first of the layers at hand; -1: outside of layers
};

// hidden += output(sub_norm(attention(rope(query), rope(key), value))), of a norm of hidden. The sub-norm is
// there if the model has one, and so are norms of the projections' inputs, of the heads of queries and keys,
// and of what is added, and a gate for what attention gives. A sliding layer sees the shape's window of
// positions.
void attention_block(GraphBuilder& builder, bool sliding = false);
// hidden += output(norm(delta rule(convolution(inputs), alpha, beta)) * silu(gate)), all of a norm of hidden:
// Gated DeltaNet.
void delta_block(GraphBuilder& builder);
// hidden += down(sub_norm(gate(gate, up))), of a norm of hidden, with further norms likewise; activate(up) in
// models without gates.
void feed_forward_block(GraphBuilder& builder);

// hidden += the sum of the experts that a router chooses for a norm of hidden, each gate, up and down.
void expert_block(GraphBuilder& builder);

// A model of the attention block, or that of Gated DeltaNet, and one of the two others: consecutive layers
// that are alike are one block of the graph.
Graph build_decoder(const Hyperparameters& shape);

}  // namespace tern::runtime
