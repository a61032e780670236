#include "runtime/generate/perplexity.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/generate/logits.h"

namespace tern::runtime {

double Perplexity::perplexity() const {
  return std::exp(nats.mean);
}

double Perplexity::error() const {
  return perplexity() * nats.standard_error();
}

double Perplexity::bits() const {
  return nats.mean * static_cast<double>(nats.count) / std::numbers::ln2;
}

Expected<Perplexity> perplexity(Engine& engine, const CutText& text, const OnPerplexity& on_progress) {
  Perplexity result;
  StepPace pace({&engine});
  size_t longest = 0;
  for (const TextWindow& window : text.windows) longest = std::max(longest, window.end - window.begin + 1);
  TERN_ASSIGN(Sequence sequence, engine.make_sequence(longest));
  const Reader reader{&engine, &sequence};
  const KeepGoing keep_going = [&] { return !on_progress || on_progress(result); };
  bool go_on = true;
  for (size_t i = 0; i < text.windows.size() && go_on; ++i) {
    const WindowTokens window = window_tokens(text, i);
    sequence.truncate(0);
    ++result.windows;
    const OnLogits score = [&](size_t index, std::span<const std::span<const float>> logits) {
      result.nats.add(-log_softmax(logits[0], window.tokens[index + 1]));
    };
    TERN_ASSIGN(const bool whole,
                read_tokens({&reader, 1}, std::span(window.tokens).first(window.tokens.size() - 1),
                            window.first_scored - 1, pace, score, keep_going));
    result.complete = whole && i + 1 == text.windows.size();
    go_on = whole && keep_going();
  }
  if (result.nats.count == 0)
    return Error{"interrupted before the first token was scored", {}, ErrorKind::interrupted};
  return result;
}

}  // namespace tern::runtime
