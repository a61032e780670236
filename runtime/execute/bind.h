// From a graph to what the threads run: its operations bound to memory, weights and kernels, once.
#pragma once

#include <cstdint>

#include "base/expected.h"
#include "runtime/execute/executable.h"
#include "runtime/execute/plan.h"
#include "runtime/execute/step_memory.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// The parts of a graph, which run with different numbers of rows: the operations before `select`, and the
// others; or of the others those up to the norm, whose result is what embeddings are made of.
enum class GraphPart : uint8_t { layers, head, normed };

struct BindOptions {
  const Model& model;
  const Plan& plan;
  StepMemory& memory;
  size_t threads;
};

// Binds a part of the model's graph for a bucket of rows. Precondition: the plan is prepared for it.
// Errors: not enough memory.
Expected<Executable> bind(GraphPart part, int64_t rows, const BindOptions& options);

}  // namespace tern::runtime
