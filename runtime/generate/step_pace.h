// How many tokens a step takes while somebody may want to end the work.
#pragma once

#include <cstddef>

#include "runtime/execute/engine.h"

namespace tern::runtime {

// The logits do not depend on how tokens are divided into steps, so that steps can be as long as the model is
// quick: a step is aimed to last a quarter of a second, after which the caller is asked whether to go on. The
// first guess is what a core does at 20 billion multiplications a second.
class StepPace {
 public:
  // For steps of all these engines one after another.
  explicit StepPace(std::initializer_list<const Engine*> engines);

  // Tokens of the next step: at least 1, at most buckets().max() of every engine.
  size_t rows() const { return rows_; }

  // Told how long a step of `rows` tokens took. Twice as many follow where they would take the aim or less,
  // half as many where these took more than twice the aim.
  void ran(size_t rows, double seconds);

 private:
  size_t rows_ = 1, most_ = 1;
};

}  // namespace tern::runtime
