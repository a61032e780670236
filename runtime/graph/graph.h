// What a model computes, as data: a list of steps over named rows of activations.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/model/model.h"

namespace tern::runtime {

enum class StepKind : uint8_t {
  embed,      // output = the embedding of each token
  rms_norm,   // output = norm(input) * weight
  quantize,   // output = input as i8 with a scale and a sum a row
  matmul,     // output = matrix * input; input is quantised for a ternary matrix
  rope,       // turns the heads of output by their positions, in place
  store_kv,   // stores input (keys) and second (values) in the pages of each sequence
  attention,  // output = attention of the queries in input over the stored keys and values
  add,        // output += input
  gate,       // output = activation(input) * second
};

// A step reads and writes values; `input`, `second` and `output` are indices into Graph::values, or -1.
struct Step {
  StepKind kind = StepKind::embed;
  int input = -1, second = -1, output = -1;
  int layer = -1;                            // of rms_norm, matmul and the steps of attention
  const Tensor* matrix = nullptr;            // of matmul
  const std::vector<float>* norm = nullptr;  // of rms_norm
};

// One row of `width` numbers a token.
struct Value {
  std::string name;
  uint64_t width = 0;
  bool quantized = false;
};

// The steps of the layers, and those that turn the last hidden row into logits (kept apart: only the rows
// whose logits are asked for go through them).
struct Graph {
  std::vector<Value> values;
  std::vector<Step> layers;
  std::vector<Step> head;
  int hidden = -1;  // the value that the layers leave and the head starts from
  int logits = -1;
};

// The graph of any model that load_model accepts. `model` must outlive it, unmoved.
Graph build_graph(const Model& model);

// Which steps can run without a meeting of the threads between them: the index of the first step of each
// group. Within a group, a step over rows may follow steps over the same rows, and matrices may run side by
// side; what a matrix or attention reads or writes meets other steps at a border of groups.
std::vector<size_t> step_groups(const Graph& graph, const std::vector<Step>& steps);

}  // namespace tern::runtime
