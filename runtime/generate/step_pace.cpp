#include "runtime/generate/step_pace.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "runtime/model/model_cost.h"

namespace tern::runtime {
namespace {

constexpr double aim = 0.25;  // seconds
constexpr double multiplications_a_second = 2e10;

}  // namespace

StepPace::StepPace(std::initializer_list<const Engine*> engines) : most_(std::numeric_limits<size_t>::max()) {
  double work = 0;  // multiplications for a token
  for (const Engine* engine : engines) {
    most_ = std::min(most_, static_cast<size_t>(engine->plan().buckets().max()));
    const ModelCost cost = cost_of(engine->model(), 1);
    work += static_cast<double>(cost.layer_weights + cost.head_weights);
  }
  const double guess = aim * multiplications_a_second / std::max(work, 1.0);
  while (rows_ * 2 <= most_ && static_cast<double>(rows_ * 2) <= guess) rows_ *= 2;
}

void StepPace::ran(size_t rows, double seconds) {
  if (rows < rows_) return;  // the end of a text
  if (seconds * 2 <= aim) rows_ = std::min(rows_ * 2, most_);
  if (seconds > 2 * aim) rows_ = std::max<size_t>(rows_ / 2, 1);
}

}  // namespace tern::runtime
