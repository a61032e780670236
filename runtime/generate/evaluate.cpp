#include "runtime/generate/evaluate.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/generate/generate.h"
#include "runtime/generate/logits.h"

namespace tern::runtime {

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

}  // namespace tern::runtime
