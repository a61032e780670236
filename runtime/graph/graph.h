// What a model computes, as data: the third of Tern's textual forms, above the Kernel and the Program.
//
//   graph @bitnet_b1_58 {
//     %hidden_0 = embed { weights token_embedding } : f32[2560]
//     layers 0..29 with %hidden = %hidden_0 {
//       %x = rms_norm %hidden { weights attention_norm, epsilon 1e-05 } : f32[2560]
//       ...
//       next %hidden_2
//     }
//     ...
//     return %logits
//   }
//
// A value is given once and never changed. It names no memory and no tensor: passes (runtime/graph/passes.h)
// say who computes what and where it lies, and an executor binds it to a model's weights.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "ir/kernel/epilogue.h"
#include "runtime/graph/hyperparameters.h"
#include "runtime/graph/operation.h"
#include "runtime/graph/weight_role.h"

namespace tern::runtime {

struct ValueType {
  ValueKind kind = ValueKind::f32;
  int64_t width = 0;   // numbers a row
  int64_t group = 0;   // of i8: consecutive numbers that share a scale; 0: all of a row do
  int64_t copies = 0;  // rows for each token, one for each of its experts; 0: one row, and no experts
  bool operator==(const ValueType&) const = default;
};

// Columns of a buffer, in which a value lies; the pass assign_buffers gives one to each value but pages and
// partials.
struct Slot {
  int buffer = -1;     // index into Graph::buffers; -1: none yet
  int64_t column = 0;  // of the first number
  bool operator==(const Slot&) const = default;
};

struct Value {
  std::string name;  // a word, unique in the graph
  ValueType type;
  Slot slot;
  bool operator==(const Value&) const = default;
};

// Memory for rows.
struct GraphBuffer {
  ValueType type;
  bool per_thread = false;   // each thread has its own
  bool zero_padded = false;  // nothing but zeros is ever past the end of its rows: a dense product reads them
  bool operator==(const GraphBuffer&) const = default;
};

// Values by their index in Graph::values.
struct Operation {
  Op op = Op::embed;
  std::vector<int> operands, results;

  // Attributes. One that info(op).attributes does not name keeps the initial value given here.
  std::vector<WeightRole> weights;
  float epsilon = 0;
  float base = 0;       // of rope_angles: theta
  float divisor = 1;    // of rope_angles: see RopeScaling
  int64_t context = 0;  // of rope_angles, likewise
  float magnitude = 1;  // of rope_angles, likewise
  int64_t heads = 0;    // side by side in a row of the operand; of rms_norm, 0: the row is normed as one
  int64_t kv_heads = 0;
  RopeStyle pairs = RopeStyle::neox;
  int64_t window = 0;  // positions that attention or a convolution sees, the row's own the last; 0: all
  Activation function = Activation::squared_relu;
  float limit = 0;  // 0: none
  float factor = 1;
  int64_t experts = 0;  // of expert_matmul: matrices
  int64_t block = 0;    // of rotate and embed: numbers that are turned together; 0: none
  int64_t part = 0;     // of part: which
  ir::Epilogue epilogue = ir::Epilogue::plain;

  // Said by the pass group_steps.
  Sharing sharing = Sharing::undecided;
  bool meet_after = false;  // the threads wait for each other before what follows

  bool operator==(const Operation&) const = default;
};

// A value that each layer gets from the layer before it. After the last layer `argument` names what that
// gave.
struct Carried {
  int argument = -1;  // what the operations of the block read
  int initial = -1;   // what the first layer gets: a value from before the block
  int next = -1;      // what a layer gives
  bool operator==(const Carried&) const = default;
};

// Operations in their order: of `layers` layers that differ only in their weights or, if `layers` is 0, of no
// layer.
struct Block {
  int64_t first_layer = 0, layers = 0;
  std::vector<Carried> carried;  // of layers
  std::vector<Operation> operations;
  bool operator==(const Block&) const = default;
};

struct Graph {
  std::string name;  // a word
  std::vector<GraphBuffer> buffers;
  std::vector<Value> values;
  std::vector<Block> blocks;
  int logits = -1;
  bool operator==(const Graph&) const = default;
};

// The textual form; parse_graph(print(x)) == x for every x that verify accepts.
std::string print(const Graph& graph);
std::string print(const ValueType& type);

// Where the operations of a parsed graph stood: by block and index in it; the block itself has index -1.
using GraphLocations = std::map<std::pair<int, int>, Location>;

struct ParsedGraph {
  Graph graph;
  GraphLocations locations;
};

// Reads one graph. `file` names the text in messages. Only the grammar is checked here, and that names of
// values are known: see verify.
Expected<ParsedGraph> parse_graph(std::string_view text, std::string_view file = "graph");

// The value of that name, or -1.
int find_value(const Graph& graph, std::string_view name);

// Calls function(block, operation) for each operation in its order, layers once.
template <class Function>
void for_each_operation(const Graph& graph, Function&& function) {
  for (const Block& block : graph.blocks) {
    for (const Operation& operation : block.operations) function(block, operation);
  }
}

// How often values are read, by index: as operands, from layer to layer, and as the logits.
std::vector<int> count_readers(const Graph& graph);

}  // namespace tern::runtime
