// What each pass makes of the graphs of the families.
#include "runtime/graph/passes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "runtime/graph/families.h"
#include "runtime/graph/verify_graph.h"
#include "runtime/model/model.h"
#include "tests/runtime/graph/shapes.h"
#include "tests/support/golden.h"

namespace tern::runtime {
namespace {

std::string stages(const Hyperparameters& shape, const PassOptions& options) {
  std::string text;
  run_passes(build_graph(shape), options, [&](std::string_view pass, const Graph& graph) {
    text += fmt::format("// after: {}\n{}\n", pass, print(graph));
    for (const Error& error : verify(graph)) ADD_FAILURE() << pass << ": " << error.text();
  });
  return text;
}

TEST(GraphPassesGolden, OneTokenOf2B4T) {
  testing::expect_golden("graph_2b4t_1_row.graph", stages(shape_2b4t(), {1, 2}));
}

TEST(GraphPassesGolden, TheModelInTheBox) {
  const Expected<Model> model =
      load_model(std::string(TERN_SOURCE_DIR) + "/models/tern-small.gguf", {.check_values = false});
  ASSERT_TRUE(model) << model.error().text();
  testing::expect_golden("graph_tern_small_1_row.graph", stages(model->hyperparameters, {1, 2}));
}

TEST(GraphPassesGolden, ManyRowsOf2B4T) {
  testing::expect_golden("graph_2b4t_256_rows.graph", print(run_passes(build_graph(shape_2b4t()), {256, 2})));
}

TEST(GraphPassesGolden, AGateOfSiLU) {
  testing::expect_golden("graph_large_1_row.graph", print(run_passes(build_graph(shape_large()), {1, 2})));
}

// With no norm between a product and its quantisation, many rows are quantised by the product.
TEST(GraphPassesGolden, ManyRowsWithoutSubNorms) {
  Hyperparameters shape = shape_2b4t();
  shape.sub_norms = false;
  testing::expect_golden("graph_no_sub_norms_256_rows.graph",
                         print(run_passes(build_graph(shape), {256, 2})));
}

TEST(GraphPassesGolden, AdjacentPairs) {
  testing::expect_golden("graph_llama_1_row.graph", print(run_passes(build_graph(shape_llama()), {1, 2})));
}

TEST(GraphPassesGolden, NormsOfHeads) {
  testing::expect_golden("graph_qwen3_1_row.graph", print(run_passes(build_graph(shape_qwen3()), {1, 2})));
}

TEST(GraphPassesGolden, SlidingLayersAndNormsOfInputs) {
  testing::expect_golden("graph_gemma3_1_row.graph", print(run_passes(build_graph(shape_gemma3()), {1, 2})));
}

TEST(GraphPassesGolden, FactorsAndDivisors) {
  testing::expect_golden("graph_minicpm_1_row.graph",
                         print(run_passes(build_graph(shape_minicpm()), {1, 2})));
}

TEST(GraphPassesGolden, Experts) {
  testing::expect_golden("graph_qwen3moe_1_row.graph",
                         print(run_passes(build_graph(shape_qwen3moe()), {1, 2})));
  testing::expect_golden("graph_qwen3moe_256_rows.graph",
                         print(run_passes(build_graph(shape_qwen3moe()), {256, 2})));
}

TEST(GraphPassesGolden, SlidingLayersOfExperts) {
  testing::expect_golden("graph_maple_1_row.graph", print(run_passes(build_graph(shape_maple()), {1, 2})));
}

// Of the first block of layers.
int meetings_of_a_layer(const Graph& graph) {
  int meetings = 0;
  for_each_operation(graph, [&](const Block& block, const Operation& operation) {
    if (block.layers > 0 && block.first_layer == 0) meetings += operation.meet_after;
  });
  return meetings;
}

TEST(GraphPasses, AnyNumberOfRowsAndThreadsGivesASoundGraph) {
  for (const Hyperparameters& shape :
       {shape_2b4t(), shape_large(), shape_llama(), shape_qwen3(), shape_gemma3(), shape_minicpm(),
        shape_hunyuan(), shape_qwen3moe(), shape_maple()}) {
    for (const int64_t rows : {1, 2, 3, 4, 5, 8, 64, 256}) {
      for (const int64_t threads : {1, 2, 3, 5, 16, 64}) {
        const Graph graph = run_passes(build_graph(shape), {rows, threads});
        for (const Error& error : verify(graph)) ADD_FAILURE() << error.text() << "\n" << print(graph);
        if (rows == 1) {
          EXPECT_EQ(meetings_of_a_layer(graph), shape.expert_count > 0 ? 9 : shape.post_norms ? 8 : 6);
        }
        EXPECT_LE(meetings_of_a_layer(graph), shape.input_norms ? 20 : 14);
      }
    }
  }
}

// Of a layer with one row, no operation is left to one thread: a row is one unit.
TEST(GraphPasses, OneRowIsNeverSharedOutByRows) {
  for (const int64_t threads : {2, 16}) {
    const Graph graph = run_passes(build_graph(shape_2b4t()), {1, threads});
    for_each_operation(graph, [](const Block& block, const Operation& operation) {
      if (block.layers > 0) {
        EXPECT_NE(operation.sharing, Sharing::rows) << name(operation.op);
      }
    });
  }
}

TEST(GraphPasses, EachThreadComputesAFewRowsForItself) {
  EXPECT_TRUE(computed_by_each({1, 1}));
  EXPECT_TRUE(computed_by_each({1, 64}));
  EXPECT_TRUE(computed_by_each({3, 64}));
  EXPECT_TRUE(computed_by_each({4, 2}));
  EXPECT_FALSE(computed_by_each({4, 4}));
  EXPECT_FALSE(computed_by_each({8, 1}));
}

// In place of values and their names: what is read by what is computed the same way.
TEST(GraphPasses, NothingIsLostButNames) {
  const Graph before = build_graph(shape_2b4t());
  const Graph after = run_passes(before, {1, 2});
  std::vector<WeightRole> wanted, found;
  for_each_operation(before, [&](const Block&, const Operation& operation) {
    wanted.insert(wanted.end(), operation.weights.begin(), operation.weights.end());
  });
  for_each_operation(after, [&](const Block&, const Operation& operation) {
    found.insert(found.end(), operation.weights.begin(), operation.weights.end());
  });
  EXPECT_EQ(found, wanted);
}

}  // namespace
}  // namespace tern::runtime
