// The matrix products of a model's graph, each with the tensors that it multiplies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/kernel/epilogue.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/problem.h"
#include "runtime/graph/graph.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// One matrix product of one layer, or of no layer.
struct Product {
  int64_t layer = -1;  // -1: of no layer
  std::vector<WeightRole> roles;
  std::vector<const Tensor*> parts;  // of each role: matrices that are stacked, outputs after outputs
  ir::Epilogue epilogue = ir::Epilogue::plain;
  int input = -1;         // the graph's value that is multiplied
  ValueType activations;  // the type of that value
  int64_t experts = 0;    // if it is one of experts: its matrices, all in the one part; else 0
  bool is_head =
      false;  // whether only rows are multiplied whose logits are asked for, not all rows of a step
};

// The products of a graph that was built for `model`, in the order in which a step computes them. They are
// the same for any PassOptions of the graph. `model` must outlive them, unmoved.
std::vector<Product> products_of(const Model& model, const Graph& graph);
// The products of the model's own graph after all passes.
std::vector<Product> products_of(const Model& model);

// The weights of the product's matrix: what all of its parts can be without loss, so that stacking changes no
// bit. Several parts that have a scale each make a matrix with a scale for each output. Where activations are
// floats, so are sums, and whole numbers have a scale for each group.
ir::Operand weights_of(const Product& product);

// The problem that a product poses for m tokens.
ir::Problem problem_of(const Product& product, int64_t m);

// The kernel with the product's epilogue in the place of its plain one, and with the epilogue in its name.
ir::Kernel with_epilogue_of(const Product& product, ir::Kernel kernel);

// The names of the product's tensors, for messages.
std::string name_of(const Product& product);

}  // namespace tern::runtime
