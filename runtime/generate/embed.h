// Vectors that stand for texts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/expected.h"
#include "runtime/execute/engine.h"

namespace tern::runtime {

// The vector of a text, embedding_length numbers of length 1: the last norm's row of the last token, or the
// mean of those of all tokens (Pooling::unstated: the last). Sums and the square root are of doubles, in
// ascending order, so the same bits come out whatever the threads and the rows of a step. Of a vector of
// zeros: zeros. Errors: those of Engine::embed; no tokens; a token that the model does not have.
Expected<std::vector<float>> embed(Engine& engine, std::span<const uint32_t> tokens, Pooling pooling);

}  // namespace tern::runtime
