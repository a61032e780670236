#include "runtime/execute/product.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/graph/families.h"
#include "runtime/graph/passes.h"
#include "runtime/tensor/operands.h"

namespace tern::runtime {

std::vector<Product> products_of(const Model& model, const Graph& graph) {
  std::vector<Product> products;
  bool is_head = false;
  for (const Block& block : graph.blocks) {
    for (int64_t i = 0; i < std::max<int64_t>(block.layers, 1); ++i) {
      for (const Operation& operation : block.operations) {
        is_head |= operation.op == Op::select;
        if (operation.op != Op::matmul && operation.op != Op::expert_matmul) continue;
        const int64_t layer = block.layers > 0 ? block.first_layer + i : -1;
        Product product{layer,
                        operation.weights,
                        {},
                        operation.epilogue,
                        operation.operands[0],
                        graph.values[static_cast<size_t>(operation.operands[0])].type,
                        operation.experts,
                        is_head};
        for (const WeightRole role : operation.weights) product.parts.push_back(&model.matrix(role, layer));
        products.push_back(std::move(product));
      }
    }
  }
  return products;
}

std::vector<Product> products_of(const Model& model) {
  return products_of(model, run_passes(build_graph(model.hyperparameters), {}));
}

ir::Operand weights_of(const Product& product) {
  ir::Operand weights = product.parts[0]->weights;
  for (const Tensor* part : product.parts) weights = common_operand(weights, part->weights);
  const bool has_several = product.parts.size() > 1;
  if (has_several && weights.scaling == ir::Scaling::tensor) weights.scaling = ir::Scaling::row;
  return product.activations.kind == ValueKind::i8 ? weights : dense_operand(weights);
}

ir::Problem problem_of(const Product& product, int64_t m) {
  int64_t n = 0;
  for (const Tensor* part : product.parts) n += part->n;
  const int64_t k = product.parts[0]->k;
  const ir::Operand weights = weights_of(product);
  if (product.activations.kind == ValueKind::i8)
    return ir::quantized_matmul(m, n, k, weights, product.activations.group);
  return ir::matmul(m, n, k, weights);
}

ir::Kernel with_epilogue_of(const Product& product, ir::Kernel kernel) {
  kernel.epilogue = product.epilogue;
  switch (product.epilogue) {
    case ir::Epilogue::plain:
    case ir::Epilogue::sums:
    case ir::Epilogue::add_sums: break;
    case ir::Epilogue::residual: kernel.name += "_residual"; break;
    case ir::Epilogue::gate: kernel.name += "_gate"; break;
  }
  return kernel;
}

std::string name_of(const Product& product) {
  std::vector<std::string_view> names;
  for (const Tensor* part : product.parts) names.push_back(part->name);
  return fmt::format("{}", fmt::join(names, " and "));
}

}  // namespace tern::runtime
