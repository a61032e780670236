// Running tokens that are given, and looking at what the model expected after each.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/expected.h"
#include "runtime/execute/engine.h"
#include "runtime/generate/step_pace.h"

namespace tern::runtime {

// Asked after each step; false ends the work. Empty: go on.
using KeepGoing = std::function<bool()>;

// An engine, and the sequence of it that tokens are appended to.
struct Reader {
  Engine* engine = nullptr;
  Sequence* sequence = nullptr;
};

// Called in order with the index of a token and the logits after it, a row of every reader, all finite.
using OnLogits = std::function<void(size_t index, std::span<const std::span<const float>> logits)>;

// Appends `tokens` to the sequence of every reader, in lock step, so that no more logits are held than those
// of a step; calls on_logits for each token from index `first` on. Gives false where keep_going ended it
// before the last token. Errors: a token out of a vocabulary, no room in a sequence, logits that are not
// finite. Precondition: at least one reader.
Expected<bool> read_tokens(std::span<const Reader> readers, std::span<const uint32_t> tokens, size_t first,
                           StepPace& pace, const OnLogits& on_logits, const KeepGoing& keep_going = {});

}  // namespace tern::runtime
