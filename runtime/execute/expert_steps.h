// The operations of mixtures of experts, bound to memory and weights: see bound_steps.h.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/execute/bound_steps.h"
#include "runtime/execute/grouped_product.h"
#include "runtime/execute/routes.h"

namespace tern::runtime {

struct PlannedProduct;

// By thread.
using ThreadRoutes = std::vector<Routes>;

struct RouteStep {
  FloatRows logits;
  int64_t used;
  std::vector<int64_t> padded;  // padded[r]: rows that a run of r rows takes, r from 0 on
  ThreadRoutes* routes;
  // Of a plan whose weights lie in files: the products of these experts. Their matrices are asked for as soon
  // as it is known which.
  std::vector<const PlannedProduct*> paged;
  void run(const StepRun& run, size_t thread) const;
};

struct GatherStep {
  FloatRows from, to;                 // of f32, or
  QuantizedRows quantized, gathered;  // of i8
  std::vector<GroupSums> group_sums;  // of `gathered`
  const ThreadRoutes* routes;
  void run(const StepRun& run, size_t thread) const;
};

struct ExpertProductStep {
  GroupedProduct product;
  bool shared;  // all experts read the step's one row
  const ThreadRoutes* routes;
  void run(const StepRun& run, size_t thread) const;
};

struct ExpertGateStep {
  Activation function;
  float limit;
  FloatRows gate, up;
  FloatRows output;         // of f32, or
  QuantizedRows quantized;  // of i8
  std::vector<GroupSums> group_sums;
  const ThreadRoutes* routes;
  void run(const StepRun& run, size_t thread) const;
};

struct MixStep {
  FloatRows input, output;
  const SharedColumns* columns;
  const ThreadRoutes* routes;
  void run(const StepRun& run, size_t thread) const;
};

}  // namespace tern::runtime
