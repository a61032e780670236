#include "runtime/generate/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/generate/generate.h"
#include "runtime/generate/logits.h"

namespace tern::runtime {

double Perplexity::perplexity() const {
  return std::exp(nats_per_token());
}

Expected<std::vector<double>> log_probabilities(Engine& engine, Sequence& sequence,
                                                std::span<const uint32_t> tokens, size_t rows) {
  if (tokens.size() < 2) return Error{"at least two tokens are needed to score one", {}};
  TERN_TRY(check_tokens(engine, tokens));
  const size_t room = sequence.capacity() - sequence.length();
  if (tokens.size() - 1 > room)
    return Error{
        fmt::format("there are {} tokens, but the context holds {} (-c sets its size)", tokens.size(), room),
        {}};
  const auto max_rows = static_cast<size_t>(engine.plan().buckets().max());
  rows = rows == 0 ? max_rows : std::min(rows, max_rows);
  std::vector<double> result;
  for (size_t first = 0; first + 1 < tokens.size(); first += rows) {
    const size_t count = std::min(rows, tokens.size() - 1 - first);
    const SequenceTokens part{&sequence, tokens.subspan(first, count), true};
    TERN_ASSIGN(const Logits step, engine.step({&part, 1}));
    const Logits& logits = step;
    for (size_t i = 0; i < count; ++i) {
      if (!all_finite(logits[i]))
        return Error{fmt::format("the logits after token {} are not finite: the model is broken", first + i),
                     {}};
      result.push_back(log_softmax(logits[i], tokens[first + i + 1]));
    }
  }
  return result;
}

Expected<Perplexity> perplexity(Engine& engine, std::span<const uint32_t> text, size_t context,
                                const OnProgress& on_progress) {
  if (context < 2) return Error{"a context of at least two tokens is needed", {}};
  TERN_ASSIGN(Sequence sequence, engine.make_sequence(context));
  const std::optional<uint32_t> beginning = engine.tokenizer().beginning_of_text();
  Perplexity result;
  for (size_t first = 0; first < text.size(); first += context - 1) {
    const auto part = text.subspan(first, std::min(context - 1, text.size() - first));
    std::vector<uint32_t> window;
    if (beginning) window.push_back(*beginning);
    window.insert(window.end(), part.begin(), part.end());
    if (window.size() < 2) break;
    sequence.truncate(0);
    TERN_ASSIGN(const std::vector<double> scores, log_probabilities(engine, sequence, window));
    for (double score : scores) result.negative_log_sum -= score;
    result.tokens += scores.size();
    if (on_progress && !on_progress(first + part.size())) break;
  }
  if (result.tokens == 0) return Error{"the text has no token to score", {}};
  return result;
}

}  // namespace tern::runtime
