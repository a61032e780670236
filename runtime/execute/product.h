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

// One product of one layer, or of none.
struct Product {
  int64_t layer = -1;  // -1: outside of layers
  std::vector<WeightRole> roles;
  std::vector<const Tensor*> parts;  // by role: multiplied as one matrix, whose outputs are theirs in order
  ir::Epilogue epilogue = ir::Epilogue::plain;
  int input = -1;        // the value of the graph that it reads
  bool is_head = false;  // multiplied with the rows whose logits are asked for, not with all of a step
};

// In the order of a step. What they are does not depend on the rows and threads of the passes. `model` must
// outlive them, unmoved.
std::vector<Product> products_of(const Model& model, const Graph& graph);
// The same of the model's graph after its passes.
std::vector<Product> products_of(const Model& model);

// The problem that a product poses for m tokens, without its epilogue. Several parts have a scale for each
// output, so that those of each part are scaled as they would be alone.
ir::Problem problem_of(const Product& product, int64_t m);

// A plain kernel of the product's problem, ending as the product does, with a name that says so.
ir::Kernel with_epilogue_of(const Product& product, ir::Kernel kernel);

// The names of its tensors: for messages.
std::string name_of(const Product& product);

}  // namespace tern::runtime
