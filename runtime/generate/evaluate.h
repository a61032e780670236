// How likely a model thinks a text is.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/expected.h"
#include "runtime/execute/engine.h"

namespace tern::runtime {

// Called with the number of tokens done; false ends the work with what there is.
using OnProgress = std::function<bool(size_t done)>;

// result[i] = ln P(tokens[i+1] | tokens[0..i]). `rows`: tokens a step, 0 for as many as a step takes. Errors:
// fewer than two tokens, a token out of the vocabulary, more tokens than the sequence has room for, logits
// that are not finite.
Expected<std::vector<double>> log_probabilities(Engine& engine, Sequence& sequence,
                                                std::span<const uint32_t> tokens, size_t rows = 0);

struct Perplexity {
  size_t tokens = 0;            // scored
  double negative_log_sum = 0;  // -sum of ln P
  double nats_per_token() const { return negative_log_sum / static_cast<double>(tokens); }
  double perplexity() const;
};

// Scores every token of a text once: the text is cut into windows of `context` - 1 tokens (the last may be
// shorter), each preceded by the beginning-of-text token; a model without one scores all but the first token
// of each window. Errors as above.
Expected<Perplexity> perplexity(Engine& engine, std::span<const uint32_t> text, size_t context,
                                const OnProgress& on_progress = {});

}  // namespace tern::runtime
