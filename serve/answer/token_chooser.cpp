#include "serve/answer/token_chooser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/generate/logits.h"

namespace tern::serve {
namespace {

// Far enough below every logit that no temperature gives it a probability; finite, as samplers want it.
constexpr float forbidden_logit = -1e30f;

// The `count` likeliest tokens.
std::vector<TokenLogprob> likeliest(std::span<const float> logits, size_t count, double log_sum) {
  const auto better = [&](uint32_t a, uint32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  };
  std::vector<uint32_t> best;  // a heap with the worst on top
  for (uint32_t token = 0; token < logits.size(); ++token) {
    if (best.size() == count) {
      if (!better(token, best.front())) continue;
      std::ranges::pop_heap(best, better);
      best.pop_back();
    }
    best.push_back(token);
    std::ranges::push_heap(best, better);
  }
  std::ranges::sort_heap(best, better);
  std::vector<TokenLogprob> result;
  for (const uint32_t token : best) result.push_back({token, static_cast<double>(logits[token]) - log_sum});
  return result;
}

}  // namespace

TokenChooser::TokenChooser(ChoiceOptions options, runtime::Sampler sampler, std::span<const uint32_t> prompt)
    : options_(std::move(options)), sampler_(std::move(sampler)) {
  const std::span<const uint32_t> end =
      prompt.last(std::min<size_t>(options_.sampling.repetition_window, prompt.size()));
  recent_.assign(end.begin(), end.end());
  if (options_.grammar) state_ = options_.grammar->start();
}

Expected<TokenChooser> TokenChooser::make(ChoiceOptions options, std::span<const uint32_t> prompt,
                                          size_t vocabulary) {
  TERN_ASSIGN(runtime::Sampler sampler, runtime::Sampler::make(options.sampling));
  // Written so that a NaN fails as well.
  for (const auto& [name, value] : {std::pair{"presence_penalty", options.presence_penalty},
                                    std::pair{"frequency_penalty", options.frequency_penalty}}) {
    if (!(value >= -2 && value <= 2))
      return Error{fmt::format("{} must be from -2 to 2, not {}", name, value)};
  }
  for (const auto& [token, bias] : options.bias) {
    if (token >= vocabulary)
      return Error{
          fmt::format("logit_bias has token {}, but the vocabulary has {} tokens", token, vocabulary)};
    if (!(bias >= -100 && bias <= 100))
      return Error{fmt::format("logit_bias must be from -100 to 100, not {}", bias)};
  }
  return TokenChooser(std::move(options), std::move(sampler), prompt);
}

// Chooses by changed_ among the tokens that the grammar allows, and takes the step in it.
Expected<uint32_t> TokenChooser::choose_allowed(runtime::TokenGrammar& grammar) {
  const runtime::TokenGrammar::Mask& mask = grammar.mask(state_);
  const auto is_allowed = [&](size_t token) { return token < mask.size() && mask[token]; };
  if (!runtime::all_finite(changed_)) return Error{"a logit is not finite", {}, ErrorKind::bug};
  std::optional<uint32_t> best;
  for (uint32_t token = 0; token < changed_.size(); ++token) {
    if (!is_allowed(token))
      changed_[token] = forbidden_logit;
    else if (!best || changed_[token] > changed_[*best])
      best = token;
  }
  if (!best) return Error{"the vocabulary has no token that the grammar allows here"};
  TERN_ASSIGN(uint32_t token, sampler_.sample(changed_, recent_));
  // A sum that is rounded may end behind the last token that has a probability.
  if (!is_allowed(token)) token = *best;
  state_ = grammar.next(state_, token);
  return token;
}

Expected<ChosenToken> TokenChooser::choose(std::span<const float> logits) {
  std::span<const float> seen = logits;
  runtime::TokenGrammar* const grammar = options_.grammar.get();
  const bool penalises = options_.presence_penalty != 0 || options_.frequency_penalty != 0;
  if (!options_.bias.empty() || penalises || grammar != nullptr) {
    changed_.assign(logits.begin(), logits.end());
    for (const auto& [token, bias] : options_.bias) {
      if (token < changed_.size()) changed_[token] += bias;
    }
    if (penalises) {
      for (const auto& [token, count] : counts_) {
        changed_[token] -= options_.presence_penalty;
        changed_[token] -= options_.frequency_penalty * static_cast<float>(count);
      }
    }
    seen = changed_;
  }
  ChosenToken chosen;
  if (grammar == nullptr) {
    TERN_ASSIGN(chosen.token, sampler_.sample(seen, recent_));
  } else {
    TERN_ASSIGN(chosen.token, choose_allowed(*grammar));
  }
  recent_.push_back(chosen.token);
  if (penalises) ++counts_[chosen.token];
  if (options_.logprobs) {
    const double log_sum = runtime::log_sum_exp(logits);
    chosen.logprob = static_cast<double>(logits[chosen.token]) - log_sum;
    chosen.top = likeliest(logits, std::min(options_.top_logprobs, logits.size()), log_sum);
  }
  return chosen;
}

}  // namespace tern::serve
