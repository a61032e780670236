// Builds the graph of a model from the blocks that families share.
//
// A family (runtime/graph/families/) is one function, which says in which order the blocks come:
//
//   Graph build_bitnet(const Hyperparameters& shape) {
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
  int angles() const { return angles_; }  // the second operand of rope

  // The operations between these two calls are those of each of the next `layers` layers.
  void begin_layers(int64_t layers);
  void end_layers();

  // Operations. The result's name is `name`, or that with a number if it is taken.
  int rms_norm(std::string_view name, int input, WeightRole weights);
  // The i8 form of what a layer multiplies: by token, or by group of shape().activation_group numbers. The
  // input itself if the model's activations stay floats.
  int quantize(std::string_view name, int input);
  // By group of this many numbers, or by row if it is 0.
  int quantize(std::string_view name, int input, int64_t group);
  int matmul(std::string_view name, int input, WeightRole weights, int64_t outputs);
  int rope(std::string_view name, int input, int64_t heads);
  int attention(std::string_view name, int query, int key, int value);
  int gate(std::string_view name, int input, int up);
  // hidden() is the sum of itself and `input` from now on.
  void add_to_hidden(int input);

  // Ends with the norm and the head, which read the rows whose logits are asked for.
  Graph finish();

 private:
  int add(Operation operation, std::string_view name, ValueKind kind, int64_t width);
  int add_value(std::string_view name, ValueType type);
  int64_t width_of(int value) const { return graph_.values[static_cast<size_t>(value)].type.width; }

  const Hyperparameters shape_;
  Graph graph_;
  int hidden_ = -1, angles_ = -1;
};

// hidden += output(sub_norm(attention(rope(query), rope(key), value))), of a norm of hidden. The sub-norm is
// there if the model has one.
void attention_block(GraphBuilder& builder);
// hidden += down(sub_norm(gate(gate, up))), of a norm of hidden.
void feed_forward_block(GraphBuilder& builder);

}  // namespace tern::runtime
