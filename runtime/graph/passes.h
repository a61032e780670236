// From the graph of a family to one that an executor can bind: the passes, in their order. Each is a function
// from graph to graph in a file of its own; verify finds nothing wrong with what any of them leaves.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "runtime/graph/graph.h"

namespace tern::runtime {

// The step that the graph is made for.
struct PassOptions {
  int64_t rows = 1;  // the most rows that it has
  int64_t threads = 1;
  // Whether each thread may have memory of its own for rows: see computed_by_each.
  bool may_compute_by_each = true;
};

// A product whose only reader is an addition h + product (of factor 1) adds to h itself: the epilogue
// `residual`.
void fuse_residual(Graph& graph, const PassOptions& options);

// A product whose only reader is a gate of relu_squared without limit, as its second operand, does the gate
// itself: the epilogue `gate`. The product that is the gate's first operand comes before it, and a thread
// computes the same columns of both.
void fuse_gate(Graph& graph, const PassOptions& options);

// Products of one quantised value become one product whose results lie side by side: one pass over the
// weights of all. Products with epilogues stay as they are, and so do two products that one operation reads
// element by element (gate and up with silu): a thread computes the same columns of both, so that the
// operation needs no meeting of the threads before it.
void merge_projections(Graph& graph, const PassOptions& options);

// A product whose rows are next quantised, with no norm between, quantises them itself. Its rows must be
// whole for that, and are shared out among the threads by rows: only for steps of at least `rows_to_share`
// rows a thread.
void fuse_quantize(Graph& graph, const PassOptions& options);
inline constexpr int64_t rows_to_share = 8;

// Where attention has at least tasks_of_attention tasks a thread without splitting positions into blocks, a
// task takes all positions of its rows, up to attention_rows of them, and combines its blocks itself: attend
// gives f32, and combine goes.
void fuse_combine(Graph& graph, const PassOptions& options);
inline constexpr int64_t attention_rows = 16, tasks_of_attention = 4;

// In a step of one row the experts read the row where it lies: gather goes.
void fuse_gather(Graph& graph, const PassOptions& options);

// Says how operations are shared out, and where the threads must meet. What works on whole rows (norms,
// quantisation, combining the partial results of attention) is computed by each thread for itself where that
// costs less than a meeting (`computed_by_each`), else shared out by rows.
void group_steps(Graph& graph, const PassOptions& options);

// Meeting others costs about as much as `meeting_rows` rows of such operations, so each thread computes all
// rows itself where
//   rows <= ceil(rows / threads) + meeting_rows,
// and no more than max_rows_by_each: it takes memory for each thread.
inline constexpr int64_t meeting_rows = 2, max_rows_by_each = 4;
constexpr bool computed_by_each(const PassOptions& options) {
  const int64_t shared = (options.rows + options.threads - 1) / options.threads;
  return options.may_compute_by_each && options.rows <= max_rows_by_each &&
         options.rows <= shared + meeting_rows;
}

// Gives every value a slot: in the buffer of an operand that is not read again where the operation may work
// in place, or in a buffer whose value was last read before the threads last met, or in a new one.
void assign_buffers(Graph& graph, const PassOptions& options);

struct GraphPass {
  std::string_view name;
  void (*run)(Graph& graph, const PassOptions& options);
};
std::span<const GraphPass> graph_passes();

// All of them, in order. `observe` sees the graph after each, and before the first as "build".
Graph run_passes(Graph graph, const PassOptions& options,
                 const std::function<void(std::string_view pass, const Graph& graph)>& observe = {});

}  // namespace tern::runtime
