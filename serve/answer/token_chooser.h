// Choosing the tokens of one answer: what the protocols ask for beyond runtime/generate/sampler.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/expected.h"
#include "runtime/generate/sampler.h"
#include "runtime/grammar/token_grammar.h"

namespace tern::serve {

// The logit of token t is changed before the sampler sees it, in f32 and in this order:
//   + bias[t]
//   - presence_penalty, if t was generated before
//   - frequency_penalty * (how often t was generated before)
//   -> far below all others, if the grammar does not allow t here
// Tokens of the prompt count for the sampler's repetition penalty alone.
struct ChoiceOptions {
  runtime::SamplerOptions sampling;
  float presence_penalty = 0, frequency_penalty = 0;  // -2 to 2
  std::map<uint32_t, float> bias;                     // -100 to 100, by token; -100 forbids it in practice
  bool logprobs = false;                              // reports the probability of each token
  size_t top_logprobs = 0;                            // and the likeliest tokens, this many
  std::shared_ptr<runtime::TokenGrammar> grammar;     // that the answer keeps to; null: none
  bool operator==(const ChoiceOptions&) const = default;
};

struct TokenLogprob {
  uint32_t token;
  double logprob;  // natural logarithm of the probability
};

// Probabilities are the model's own: softmax of the logits before all that ChoiceOptions changes, at
// temperature 1.
struct ChosenToken {
  uint32_t token = 0;
  double logprob = 0;             // if logprobs are asked for
  std::vector<TokenLogprob> top;  // the likeliest first; equal ones by id
};

// The state of one answer: its random numbers and its tokens so far. What other answers run beside it changes
// nothing.
class TokenChooser {
 public:
  // Errors: those of Sampler::make; a penalty or a bias beyond its range, or a biased token that is not below
  // `vocabulary`.
  static Expected<TokenChooser> make(ChoiceOptions options, std::span<const uint32_t> prompt,
                                     size_t vocabulary);

  // The next token. Errors: those of Sampler::sample; a vocabulary without a token that the grammar allows.
  Expected<ChosenToken> choose(std::span<const float> logits);

 private:
  TokenChooser(ChoiceOptions options, runtime::Sampler sampler, std::span<const uint32_t> prompt);

  Expected<uint32_t> choose_allowed(runtime::TokenGrammar& grammar);

  ChoiceOptions options_;
  runtime::Sampler sampler_;
  std::vector<uint32_t> recent_;                   // the prompt's end, and generated tokens
  std::unordered_map<uint32_t, uint32_t> counts_;  // of generated tokens
  runtime::TokenGrammar::State state_ = 0;         // of the grammar
  std::vector<float> changed_;                     // logits
};

}  // namespace tern::serve
