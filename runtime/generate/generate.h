// From a prompt to text: the loop of decoding.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/expected.h"
#include "runtime/execute/engine.h"
#include "runtime/generate/sampler.h"

namespace tern::runtime {

struct GenerateOptions {
  size_t max_tokens = 128;  // to generate
  SamplerOptions sampling;
  bool stop_at_end = true;  // at tokens that end a text or a turn
  size_t prefill_rows = 0;  // tokens of the prompt a step, at most; 0: as many as a step takes
  // Asked between the steps of a prompt, which take about half a second each at most where a step of 64
  // tokens does not take longer: whether to go on. `done` tokens of the prompt have been read.
  std::function<bool(size_t done)> on_prompt;
  // Whether a sequence with a recurrent state keeps a checkpoint shortly before the end of the prompt: for a
  // next prompt that differs in the last few tokens or after them.
  bool keep_checkpoint = false;
};

// `stop_string` is for callers that cut the text: generate() itself knows tokens alone.
enum class StopReason { max_tokens, end_token, context_full, interrupted, stop_string };

struct Generation {
  std::vector<uint32_t> tokens;  // without the end token
  StopReason reason = StopReason::max_tokens;
  size_t prompt_tokens = 0;
  double prefill_seconds = 0;  // until the first token was chosen
  double decode_seconds = 0;   // for the steps after that
  size_t decode_steps = 0;
};

// Called with each token as it is chosen; false ends the generation.
using OnToken = std::function<bool(uint32_t token)>;

// Continues a sequence by `prompt` and what follows it. Errors: an empty prompt, a token that is not in the
// vocabulary, a prompt longer than what is left of the sequence's capacity, no free page, options out of
// range, logits that are not finite.
Expected<Generation> generate(Engine& engine, Sequence& sequence, std::span<const uint32_t> prompt,
                              const GenerateOptions& options, const OnToken& on_token = {});

// Whether all ids are in the model's vocabulary; names the first that is not.
Status check_tokens(const Engine& engine, std::span<const uint32_t> tokens);

}  // namespace tern::runtime
