#include "runtime/generate/read_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "runtime/generate/generate.h"
#include "runtime/generate/logits.h"

namespace tern::runtime {

Expected<bool> read_tokens(std::span<const Reader> readers, std::span<const uint32_t> tokens, size_t first,
                           StepPace& pace, const OnLogits& on_logits, const KeepGoing& keep_going) {
  using Clock = std::chrono::steady_clock;
  for (const Reader& reader : readers) TERN_TRY(check_tokens(*reader.engine, tokens));
  std::vector<std::span<const float>> row(readers.size());
  for (size_t at = 0; at < tokens.size();) {
    // A step is before `first`, where no logits are asked for, or from there on.
    const size_t end = at < first ? std::min(first, tokens.size()) : tokens.size();
    const size_t count = std::min(pace.rows(), end - at);
    std::vector<Logits> logits;
    const Clock::time_point begin = Clock::now();
    for (const Reader& reader : readers) {
      const SequenceTokens part{reader.sequence, tokens.subspan(at, count), at >= first};
      TERN_ASSIGN(const Logits step, reader.engine->step({&part, 1}));
      logits.push_back(step);
    }
    pace.ran(count, std::chrono::duration<double>(Clock::now() - begin).count());
    for (size_t i = 0; at >= first && i < count; ++i) {
      for (size_t reader = 0; reader < readers.size(); ++reader) {
        row[reader] = logits[reader][i];
        if (!all_finite(row[reader]))
          return Error{fmt::format("the logits after token {} are not finite: the model is broken", at + i),
                       {}};
      }
      on_logits(at + i, row);
    }
    at += count;
    if (at < tokens.size() && keep_going && !keep_going()) return false;
  }
  return true;
}

}  // namespace tern::runtime
