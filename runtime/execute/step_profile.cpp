#include "runtime/execute/step_profile.h"

#include <algorithm>
#include <cassert>

namespace tern::runtime {
namespace {

double seconds(StepProfile::Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

StepProfile::Row& row_of(std::vector<StepProfile::Row>& rows, std::string_view label) {
  const auto found = std::ranges::find(rows, label, &StepProfile::Row::label);
  return found != rows.end() ? *found : rows.emplace_back(std::string(label));
}

}  // namespace

void StepProfile::add(size_t thread, std::string_view label, Clock::time_point began,
                      Clock::time_point worked, Clock::time_point met) {
  assert(thread < threads_.size());
  Row& row = row_of(threads_[thread].rows, label);
  ++row.steps;
  row.work_seconds += seconds(worked - began);
  row.wait_seconds += seconds(met - worked);
}

std::vector<StepProfile::Row> StepProfile::rows() const {
  std::vector<Row> sums;
  for (const OfThread& thread : threads_) {
    for (const Row& row : thread.rows) {
      Row& sum = row_of(sums, row.label);
      sum.steps = std::max(sum.steps, row.steps);
      sum.work_seconds += row.work_seconds;
      sum.wait_seconds += row.wait_seconds;
    }
  }
  return sums;
}

}  // namespace tern::runtime
