#include "runtime/graph/passes.h"

#include <cassert>

#include "runtime/graph/verify_graph.h"

namespace tern::runtime {
namespace {

constexpr GraphPass table[] = {
    {"fuse_residual", fuse_residual},
    {"fuse_gate", fuse_gate},
    {"merge_projections", merge_projections},
    {"fuse_quantize", fuse_quantize},
    {"fuse_combine", fuse_combine},
    {"fuse_gather", fuse_gather},
    {"group_steps", group_steps},
    {"assign_buffers", assign_buffers},
};

}  // namespace

std::span<const GraphPass> graph_passes() {
  return table;
}

Graph run_passes(Graph graph, const PassOptions& options,
                 const std::function<void(std::string_view pass, const Graph& graph)>& observe) {
  if (observe) observe("build", graph);
  for (const GraphPass& pass : table) {
    pass.run(graph, options);
    assert(verify(graph).empty());
    if (observe) observe(pass.name, graph);
  }
  return graph;
}

}  // namespace tern::runtime
