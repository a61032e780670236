#include "runtime/generate/divergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "runtime/generate/logits.h"
#include "runtime/math/portable_math.h"

namespace tern::runtime {

double kl_divergence(std::span<const float> a, std::span<const float> b) {
  assert(a.size() == b.size());
  const double norm_a = log_sum_exp(a), norm_b = log_sum_exp(b);
  double sum = 0;
  for (size_t t = 0; t < a.size(); ++t) {
    const double log_a = a[t] - norm_a, log_b = b[t] - norm_b;
    sum += portable_exp(log_a) * (log_a - log_b);
  }
  return std::max(sum, 0.0);  // rounding may leave a little below
}

double Divergence::quantile(double q) const {
  assert(!kl.empty());
  std::vector<double> sorted = kl;
  std::ranges::sort(sorted);
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::string vocabulary_difference(const Tokenizer& a, const Tokenizer& b) {
  if (a.size() != b.size())
    return fmt::format("one vocabulary has {} tokens, the other {}", a.size(), b.size());
  for (uint32_t id = 0; id < a.size(); ++id) {
    if (a.token_text(id) != b.token_text(id))
      return fmt::format("token {} is '{}' in one vocabulary and '{}' in the other", id, a.token_text(id),
                         b.token_text(id));
  }
  return {};
}

Expected<Divergence> divergence(Engine& a, Engine& b, const CutText& text, const OnDivergence& on_progress) {
  if (const std::string difference = vocabulary_difference(a.tokenizer(), b.tokenizer()); !difference.empty())
    return Error{difference, {}};
  Divergence result;
  StepPace pace({&a, &b});
  size_t longest = 0;
  for (const TextWindow& window : text.windows) longest = std::max(longest, window.end - window.begin + 1);
  TERN_ASSIGN(Sequence sequence_a, a.make_sequence(longest));
  TERN_ASSIGN(Sequence sequence_b, b.make_sequence(longest));
  const Reader readers[] = {{&a, &sequence_a}, {&b, &sequence_b}};
  const KeepGoing keep_going = [&] { return !on_progress || on_progress(result); };
  bool go_on = true;
  for (size_t i = 0; i < text.windows.size() && go_on; ++i) {
    const WindowTokens window = window_tokens(text, i);
    sequence_a.truncate(0);
    sequence_b.truncate(0);
    ++result.windows;
    const OnLogits compare = [&](size_t index, std::span<const std::span<const float>> logits) {
      const uint32_t next = window.tokens[index + 1];
      const double log_a = log_softmax(logits[0], next), log_b = log_softmax(logits[1], next);
      result.kl.push_back(kl_divergence(logits[0], logits[1]));
      result.mean.add(result.kl.back());
      result.same_top += argmax(logits[0]) == argmax(logits[1]);
      result.nats_a.add(-log_a);
      result.nats_b.add(-log_b);
      result.squared_change.add((log_b - log_a) * (log_b - log_a));
    };
    TERN_ASSIGN(const bool whole,
                read_tokens(readers, std::span(window.tokens).first(window.tokens.size() - 1),
                            window.first_scored - 1, pace, compare, keep_going));
    result.complete = whole && i + 1 == text.windows.size();
    go_on = whole && keep_going();
  }
  if (result.kl.empty())
    return Error{"interrupted before the first token was scored", {}, ErrorKind::interrupted};
  return result;
}

}  // namespace tern::runtime
