#include "runtime/execute/product.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/execute/packed_weights.h"
#include "runtime/graph/families.h"
#include "runtime/graph/passes.h"

namespace tern::runtime {

std::vector<Product> products_of(const Model& model, const Graph& graph) {
  std::vector<Product> products;
  bool is_head = false;
  for (const Block& block : graph.blocks) {
    for (int64_t i = 0; i < std::max<int64_t>(block.layers, 1); ++i) {
      for (const Operation& operation : block.operations) {
        is_head |= operation.op == Op::select;
        if (operation.op != Op::matmul) continue;
        const int64_t layer = block.layers > 0 ? block.first_layer + i : -1;
        Product product{layer,
                        operation.weights,
                        {},
                        operation.epilogue,
                        operation.operands[0],
                        graph.values[static_cast<size_t>(operation.operands[0])].type,
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

ir::Problem problem_of(const Product& product, int64_t m) {
  ir::Problem problem = problem_of(*product.parts[0], m);
  if (product.activations.group != 0)
    problem = ir::quantized_matmul(m, problem.n, problem.k, problem.w, product.activations.group);
  if (product.parts.size() == 1) return problem;
  problem.n = 0;
  for (const Tensor* part : product.parts) problem.n += part->n;
  problem.w.scaling = ir::Scaling::row;
  return problem;
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
