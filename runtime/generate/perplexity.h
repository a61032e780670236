// How well a model predicts a text.
#pragma once

#include <functional>

#include "base/expected.h"
#include "runtime/execute/engine.h"
#include "runtime/generate/read_tokens.h"
#include "runtime/generate/running_mean.h"
#include "runtime/generate/text_windows.h"

namespace tern::runtime {

// Of the tokens that were scored, each with x = -ln P(token | those before it in its window).
struct Perplexity {
  RunningMean nats;       // of x
  size_t windows = 0;     // that were begun
  bool complete = false;  // whether all windows were read to their end
  // exp(mean of x).
  double perplexity() const;
  // perplexity() times the standard error of the mean of x, which is its error to first order.
  double error() const;
  // Sum of x, in bits.
  double bits() const;
};

// Called after each step with the figures so far; false ends the work with these.
using OnPerplexity = std::function<bool(const Perplexity& so_far)>;

// Scores the windows of a text in order. Errors: those of read_tokens, and an end before any token was scored
// (of kind interrupted).
Expected<Perplexity> perplexity(Engine& engine, const CutText& text, const OnPerplexity& on_progress = {});

}  // namespace tern::runtime
