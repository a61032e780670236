// How far the predictions of one model are from those of another.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/expected.h"
#include "runtime/execute/engine.h"
#include "runtime/generate/read_tokens.h"
#include "runtime/generate/running_mean.h"
#include "runtime/generate/text_windows.h"

namespace tern::runtime {

// KL(A || B) = sum_t P_A(t) (ln P_A(t) - ln P_B(t)) in nats, of two rows of logits of one length, added up in
// double in ascending order, at least 0; exactly 0 where the rows are equal. All finite, not empty.
double kl_divergence(std::span<const float> a, std::span<const float> b);

// Of every token that was scored, and what A and B gave it.
struct Divergence {
  std::vector<double> kl;      // by token, in order
  RunningMean mean;            // of kl
  size_t same_top = 0;         // tokens before which A and B think the same token the likeliest
  RunningMean nats_a, nats_b;  // of -ln P(the token that is there)
  RunningMean squared_change;  // of (ln P_B - ln P_A)^2 of that token
  size_t windows = 0;          // that were begun
  bool complete = false;       // whether all windows were read to their end

  // A quantile of kl by linear interpolation between the two nearest: position q (n - 1) in ascending order.
  // 0 <= q <= 1, at least one token.
  double quantile(double q) const;
};

// Called after each step with the figures so far; false ends the work with these.
using OnDivergence = std::function<bool(const Divergence& so_far)>;

// Why the tokens of one model mean nothing to another: the first id whose texts differ, or the sizes. Empty
// if the vocabularies are the same.
std::string vocabulary_difference(const Tokenizer& a, const Tokenizer& b);

// Both models read the windows of a text in lock step, so that only the logits of a step are held. Errors:
// vocabularies that differ, those of read_tokens, and an end before any token was scored (of kind
// interrupted).
Expected<Divergence> divergence(Engine& a, Engine& b, const CutText& text,
                                const OnDivergence& on_progress = {});

}  // namespace tern::runtime
