// How likely a model thinks each of some tokens is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/expected.h"
#include "runtime/execute/engine.h"

namespace tern::runtime {

// result[i] = ln P(tokens[i+1] | tokens[0..i]). `rows`: tokens a step, 0 for as many as a step takes. Errors:
// fewer than two tokens, a token out of the vocabulary, more tokens than the sequence has room for, logits
// that are not finite.
Expected<std::vector<double>> log_probabilities(Engine& engine, Sequence& sequence,
                                                std::span<const uint32_t> tokens, size_t rows = 0);

}  // namespace tern::runtime
