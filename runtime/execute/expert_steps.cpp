#include "runtime/execute/expert_steps.h"

#include <algorithm>
#include <cstring>

#include "base/paged_memory.h"
#include "runtime/execute/plan.h"

namespace tern::runtime {
namespace {

// Calls function(row of a token, index of the chosen expert's entry in Routes) for a thread's share of them.
template <class Function>
void for_chosen(const StepRun& run, const Routes& routes, size_t thread, const Function& function) {
  const Range range = split(static_cast<size_t>(run.count * routes.used), thread, run.threads);
  for (size_t i = range.begin; i < range.end; ++i) function(static_cast<int64_t>(i) / routes.used, i);
}

}  // namespace

void RouteStep::run(const StepRun& run, size_t thread) const {
  Routes& own = (*routes)[thread];
  own.used = used;
  const auto all = static_cast<size_t>(run.count * used);
  own.experts.resize(all);
  own.weights.resize(all);
  std::vector<float> scratch(static_cast<size_t>(logits.width));
  for (int64_t row = 0; row < run.count; ++row)
    choose_experts(run.ops.floats, logits.row(row, thread), logits.width, used,
                   &own.experts[static_cast<size_t>(row * used)],
                   &own.weights[static_cast<size_t>(row * used)], scratch.data());
  place_rows(run.count, logits.width, padded, own);
  if (paged.empty()) return;
  for (size_t i = thread; i < own.runs.size(); i += run.threads) {
    for (const PlannedProduct* product : paged) {
      const PackedWeights& packed = product->experts[own.runs[i].matrix];
      prefetch_mapped(packed.weights.as<const std::byte>());
      prefetch_mapped(packed.scales.as<const std::byte>());
    }
  }
}

void GatherStep::run(const StepRun& run, size_t thread) const {
  const Routes& own = (*routes)[thread];
  const auto copy = static_cast<int64_t>(thread);
  for_chosen(run, own, thread, [&](int64_t row, size_t index) {
    const int64_t place = own.rows[index];
    if (to.data) {
      std::memcpy(to.row(place, thread), from.row(row, thread),
                  static_cast<size_t>(from.width) * sizeof(float));
      return;
    }
    std::memcpy(gathered.data + place * gathered.stride,
                quantized.data + copy * quantized.thread_stride + row * quantized.stride,
                static_cast<size_t>(quantized.stride));
    const int64_t source = copy * quantized.thread_rows + row;
    std::copy_n(quantized.scales + source * quantized.scale_stride, quantized.scale_stride,
                gathered.scales + place * gathered.scale_stride);
    if (quantized.group == 0) gathered.sums[place] = quantized.sums[source];
    sum_groups(gathered, group_sums, place, 0);
  });
}

void ExpertProductStep::run(const StepRun& run, size_t thread) const {
  const Routes& own = (*routes)[thread];
  product.run(shared ? own.shared_runs : own.runs, thread, run.threads);
}

void ExpertGateStep::run(const StepRun& run, size_t thread) const {
  const Routes& own = (*routes)[thread];
  for_chosen(run, own, thread, [&](int64_t, size_t index) {
    const int64_t place = own.rows[index];
    float* to = output.data ? output.row(place, thread) : gate.row(place, thread);
    apply_gate(run.ops.floats, function, limit, gate.row(place, thread), up.row(place, thread),
               static_cast<size_t>(gate.width), to);
    if (!output.data) quantize_one(run.ops.floats, to, quantized, group_sums, place, 0);
  });
}

void MixStep::run(const StepRun& run, size_t thread) const {
  const Routes& own = (*routes)[thread];
  const Range range = columns_of(*columns, run, thread);
  for (int64_t row = 0; row < run.count; ++row) {
    float* to = output.row(row, thread) + range.begin;
    for (int64_t slot = 0; slot < own.used; ++slot) {
      const auto index = static_cast<size_t>(row * own.used + slot);
      const float* from = input.row(own.rows[index], thread) + range.begin;
      if (slot == 0) {
        std::memcpy(to, from, range.size() * sizeof(float));
        run.ops.floats.scale(to, own.weights[index], range.size());
      } else {
        run.ops.floats.add_scaled(to, from, own.weights[index], range.size());
      }
    }
  }
}

}  // namespace tern::runtime
