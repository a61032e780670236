#include "runtime/generate/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace tern::runtime {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Tokens of a prompt after the checkpoint: more than those with which a chat template asks for an answer.
constexpr size_t tokens_after_checkpoint = 16;

// Reads a prompt in steps, whose sizes change no bit: a first one of 64 tokens shows how many are read in
// half a second. Gives the logits after the last token; none if options.on_prompt ended it. `done` counts
// tokens.
Expected<std::optional<Logits>> read_prompt(Engine& engine, Sequence& sequence,
                                            std::span<const uint32_t> prompt, const GenerateOptions& options,
                                            size_t& done) {
  constexpr size_t first_rows = 64;
  constexpr double most_seconds = 0.5;
  const auto limit = static_cast<size_t>(engine.plan().buckets().max());
  const size_t most = options.prefill_rows == 0 ? limit : std::min(options.prefill_rows, limit);
  size_t rows = options.on_prompt ? std::min(first_rows, most) : most;
  while (true) {
    const Clock::time_point start = Clock::now();
    const size_t count = std::min(rows, prompt.size());
    TERN_ASSIGN(const Logits logits, engine.append(sequence, prompt.first(count), most));
    prompt = prompt.subspan(count);
    done += count;
    if (prompt.empty()) return std::optional(logits);
    if (!options.on_prompt) continue;
    if (!options.on_prompt(done)) return std::optional<Logits>();
    const double fitting = static_cast<double>(count) * most_seconds / std::max(seconds_since(start), 1e-6);
    rows = std::clamp(static_cast<size_t>(std::min(fitting, 1e6)) / first_rows * first_rows,
                      std::min(first_rows, most), most);
  }
}

}  // namespace

Status check_tokens(const Engine& engine, std::span<const uint32_t> tokens) {
  const uint32_t size = engine.model().hyperparameters.vocabulary_size;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= size)
      return Error{fmt::format("token {} is {}, but the vocabulary has only {} tokens", i, tokens[i], size),
                   {}};
  }
  return {};
}

Expected<Generation> generate(Engine& engine, Sequence& sequence, std::span<const uint32_t> prompt,
                              const GenerateOptions& options, const OnToken& on_token) {
  if (prompt.empty()) return Error{"the prompt is empty, and this model has no token to begin with", {}};
  TERN_TRY(check_tokens(engine, prompt));
  const size_t room = sequence.capacity() - sequence.length();
  if (prompt.size() > room)
    return Error{fmt::format("the prompt has {} tokens, but the context holds {} (-c sets its size)",
                             prompt.size(), room),
                 {}};
  TERN_ASSIGN(Sampler sampler, Sampler::make(options.sampling));

  Generation result;
  result.prompt_tokens = prompt.size();
  if (options.max_tokens == 0) return result;
  std::vector<uint32_t> history(sequence.tokens().begin(), sequence.tokens().end());
  history.insert(history.end(), prompt.begin(), prompt.end());
  Clock::time_point start = Clock::now();
  size_t done = 0;
  const auto interrupted = [&] {
    result.reason = StopReason::interrupted;
    result.prefill_seconds = seconds_since(start);
    return result;
  };
  if (options.keep_checkpoint && sequence.is_recurrent() && prompt.size() > tokens_after_checkpoint) {
    const size_t before = prompt.size() - tokens_after_checkpoint;
    TERN_ASSIGN(const std::optional<Logits> read,
                read_prompt(engine, sequence, prompt.first(before), options, done));
    if (!read) return interrupted();
    TERN_TRY(sequence.checkpoint());
    prompt = prompt.subspan(before);
  }
  TERN_ASSIGN(const std::optional<Logits> read, read_prompt(engine, sequence, prompt, options, done));
  if (!read) return interrupted();
  Expected<Logits> logits = *read;
  while (true) {
    TERN_TRY(logits);
    TERN_ASSIGN(const uint32_t token, sampler.sample((*logits)[0], history));
    if (result.tokens.empty()) {
      result.prefill_seconds = seconds_since(start);
      start = Clock::now();
    }
    if (options.stop_at_end && engine.tokenizer().is_end(token)) {
      result.reason = StopReason::end_token;
      break;
    }
    result.tokens.push_back(token);
    history.push_back(token);
    if (on_token && !on_token(token)) {
      result.reason = StopReason::interrupted;
      break;
    }
    if (result.tokens.size() == options.max_tokens) break;
    if (sequence.length() == sequence.capacity()) {
      result.reason = StopReason::context_full;
      break;
    }
    logits = engine.append(sequence, {&history.back(), 1});
    ++result.decode_steps;
  }
  result.decode_seconds = seconds_since(start);
  return result;
}

}  // namespace tern::runtime
