// The graph's text, and what verify finds.
#include "runtime/graph/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/graph/families.h"
#include "runtime/graph/passes.h"
#include "runtime/graph/verify_graph.h"
#include "tests/runtime/graph/shapes.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

Hyperparameters without_sub_norms() {
  Hyperparameters shape = shape_2b4t();
  shape.sub_norms = false;
  return shape;
}

Hyperparameters with_quantized_head() {
  Hyperparameters shape = shape_2b4t();
  shape.head_group = 32;
  return shape;
}

std::vector<Hyperparameters> shapes() {
  return {shape_2b4t(),  shape_large(),  without_sub_norms(), with_quantized_head(), shape_llama(),
          shape_qwen3(), shape_gemma3(), shape_minicpm(),     shape_hunyuan(),       shape_qwen3moe(),
          shape_maple(), shape_qwen35(), shape_bonsai_2(),    shape_binary()};
}

TEST(Graph, ParsesWhatItPrintsAtEveryStage) {
  for (const Hyperparameters& shape : shapes()) {
    for (const PassOptions options : {PassOptions{1, 2}, PassOptions{3, 3}, PassOptions{256, 5}}) {
      run_passes(build_graph(shape), options, [&](std::string_view pass, const Graph& graph) {
        SCOPED_TRACE(pass);
        const std::string text = print(graph);
        const Expected<ParsedGraph> parsed = parse_graph(text);
        ASSERT_TRUE(parsed) << parsed.error().text() << "\n" << text;
        EXPECT_EQ(print(parsed->graph), text);
        for (const Error& error : verify(parsed->graph, parsed->locations))
          ADD_FAILURE() << error.text() << text;
      });
    }
  }
}

TEST(Graph, AQuantisedHeadSaysSo) {
  const std::string text = print(build_graph(with_quantized_head()));
  EXPECT_THAT(text, HasSubstr("%head_in = quantize %output_norm : i8[2560 by 32]\n"));
  EXPECT_THAT(text, HasSubstr("%logits = matmul %head_in { weights output }"));
}

// Values are numbered by where they stand in a text, so a graph that was built comes back as it was.
TEST(Graph, ParsesToTheSameValue) {
  for (const Hyperparameters& shape : shapes()) {
    const Graph graph = build_graph(shape);
    EXPECT_EQ(parse_graph(print(graph))->graph, graph);
  }
}

// A text of a small graph, with the faults that tests put in.
const std::string small = R"(graph @small {
  %embedded = embed { weights token_embedding } : f32[256]
  %angles = rope_angles { base 10000 } : f32[64]
  layers 0..1 with %hidden = %embedded {
    %norm = rms_norm %hidden { weights attention_norm, epsilon 1e-05 } : f32[256]
    %in = quantize %norm : i8[256]
    %query = matmul %in { weights query } : f32[256]
    %key = matmul %in { weights key } : f32[128]
    %value = matmul %in { weights value } : f32[128]
    %turned_query = rope %query, %angles { heads 4 } : f32[256]
    %turned_key = rope %key, %angles { heads 2 } : f32[128]
    %pages = store %turned_key, %value { heads 2 } : pages[128]
    %partials = attend %turned_query, %pages { heads 4, kv_heads 2 } : partials[256]
    %attended = combine %partials { heads 4 } : f32[256]
    %quantized = quantize %attended : i8[256]
    %out = matmul %quantized { weights attention_output } : f32[256]
    %sum = add %hidden, %out : f32[256]
    next %sum
  }
  %selected = select %hidden : f32[256]
  %logits = matmul %selected { weights output } : f32[640]
  return %logits
}
)";

std::string replaced(const std::string& from, const std::string& to) {
  std::string text = small;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// All that is said of a text, one fault a line.
std::string faults(const std::string& text) {
  const Expected<ParsedGraph> parsed = parse_graph(text);
  if (!parsed) return parsed.error().text();
  std::string all;
  for (const Error& error : verify(parsed->graph, parsed->locations)) all += error.text() + "\n";
  return all;
}

TEST(Graph, ASmallOneIsSound) {
  EXPECT_EQ(faults(small), "");
  EXPECT_EQ(print(parse_graph(small)->graph), small);
}

TEST(Graph, FaultsAreSaidWithTheirPlaces) {
  struct Case {
    std::string from, to, message;
  };
  for (const Case& each : std::vector<Case>{
           {"quantize %norm :", "quantize %nrm :", "graph:6:20: %nrm is not known here"},
           {"quantize %norm :", "quantise %norm :", "graph:6:11: 'quantise' is no operation"},
           {"i8[256]", "i9[256]", "graph:6:28: 'i9' is not a type of value: f32, i8, pages, partials"},
           {"%key = matmul", "%query = matmul", "graph:8:5: %query is given twice"},
           {"weights key", "weights keys", "graph:8:33: 'keys' is no role of weights"},
           {"weights query", "epsilon 1", "graph:7:27: matmul has no attribute epsilon"},
           {"epsilon 1e-05", "epsilon none", "expected epsilon, a number, but found 'none'"},
           {"0..1", "1..0", "graph:4:10: the last layer comes before the first"},
           {"0..1", "1..2", "graph:4:10: layer 0 is next, not 1"},
           {"epsilon 1e-05", "epsilon 0", "graph:5:5: epsilon must be above 0"},
           {"rms_norm %hidden", "rms_norm %angles", "graph:5:5: rms_norm gives a width of 64, not 256"},
           {"%query = matmul %in", "%query = rope %in, %angles", "has no attribute weights"},
           {"matmul %in { weights query }", "rope %in, %angles { heads 4 }",
            "graph:7:5: rope cannot read %in, a value of type i8"},
           {"weights value", "weights output", "graph:9:5: output are weights of the whole model"},
           {"weights value", "weights attention_norm", "graph:9:5: matmul cannot use attention_norm"},
           {"weights value", "weights value up", "graph:9:5: matmul has 1 results for 2 weights"},
           {"heads 4, kv_heads 2", "heads 4, kv_heads 3", "3 heads cannot share a width of 128"},
           {"heads 4, kv_heads 2", "heads 2, kv_heads 2", "heads of queries and of keys differ in width"},
           {"%angles = rope_angles { base 10000 } : f32[64]",
            "%angles = rope_angles { base 10000 } : f32[66]",
            "graph:10:5: 66 cosines and sines cannot turn a head of 64"},
           {"add %hidden, %out", "add %hidden, %value", "graph:17:5: add reads two widths"},
           {"next %sum", "next %value", "%hidden goes on as a value of another type"},
           {"select %hidden", "select %sum", "graph:20:3: %sum is not known here"},
           {"return %logits", "return %angles %", "expected '}'"},
           {"%selected = select %hidden : f32[256]\n", "", "%selected is not known here"},
           {"matmul %in { weights key }", "matmul %in, %query { weights key, epilogue residual }",
            "graph:8:5: what the epilogue reads has another width"},
           {"matmul %selected {", "matmul %selected, %hidden { epilogue residual,",
            "only a product of i8 does more than its sums"},
           {"%sum = add %hidden, %out : f32[256]", "%sum = add %hidden, %out : f32[256] by columns",
            "some operations are shared out and some are not"},
           {"%sum = add %hidden, %out : f32[256]", "%sum = add %hidden, %out : f32[256] by heads",
            "graph:17:5: add cannot be shared out by heads"},
       }) {
    SCOPED_TRACE(each.to);
    EXPECT_THAT(faults(replaced(each.from, each.to)), HasSubstr(each.message));
  }
}

TEST(Graph, AllFaultsAreSaid) {
  std::string text = replaced("epsilon 1e-05", "epsilon 0");
  text.replace(text.find("heads 2 } : pages"), 7, "heads 3");
  const std::string said = faults(text);
  EXPECT_THAT(said, HasSubstr("graph:5:5: epsilon"));
  EXPECT_THAT(said, HasSubstr("graph:12:5: 3 heads cannot share a width of 128"));
}

// ---- sharing and slots: what a pass could get wrong ----

class BrokenPasses : public ::testing::TestWithParam<PassOptions> {
 protected:
  std::string good() const { return print(run_passes(build_graph(shape_2b4t()), GetParam())); }
};

// Every meeting but that after the last operation is needed: without it threads would race.
TEST_P(BrokenPasses, EveryMeetingIsNeeded) {
  const std::string text = good();
  int meetings = 0;
  for (size_t at = text.find("    meet\n"); at != std::string::npos; at = text.find("    meet\n", at + 1)) {
    std::string without = text;
    without.erase(at, 9);
    EXPECT_THAT(faults(without), HasSubstr("the threads must meet between")) << without;
    ++meetings;
  }
  EXPECT_GE(meetings, 6);
}

// No two buffers of one kind can be one: some value would be overwritten too early, or padding, or by another
// thread.
TEST_P(BrokenPasses, BuffersAreNeeded) {
  const Graph graph = run_passes(build_graph(shape_large()), GetParam());
  int pairs = 0;
  for (size_t a = 0; a < graph.buffers.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      const GraphBuffer &first = graph.buffers[a], &second = graph.buffers[b];
      if (first.type != second.type || first.per_thread != second.per_thread) continue;
      Graph merged = graph;
      for (Value& value : merged.values) {
        if (value.slot.buffer == static_cast<int>(a)) value.slot.buffer = static_cast<int>(b);
      }
      EXPECT_FALSE(verify(merged).empty()) << "b" << a << " as b" << b << "\n" << print(graph);
      ++pairs;
    }
  }
  EXPECT_GE(pairs, 1);
}

INSTANTIATE_TEST_SUITE_P(Graph, BrokenPasses,
                         ::testing::Values(PassOptions{1, 2}, PassOptions{1, 16}, PassOptions{256, 5}),
                         [](const auto& instance) {
                           return "Rows" + std::to_string(instance.param.rows) + "Threads" +
                                  std::to_string(instance.param.threads);
                         });

}  // namespace
}  // namespace tern::runtime
