#include "runtime/session/thread_tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "autotune/search/tune.h"
#include "base/decimal.h"

namespace tern::runtime {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Tokens of a prompt that is timed: short_prompt where long ones would take more than half of the budget.
constexpr size_t short_prompt = 64, long_prompt = 256, context = 512;
constexpr int tokens_a_sample = 4;

EngineThreads threads_of(const autotune::ThreadCandidate& candidate, const targets::Host& host) {
  const auto threads = static_cast<size_t>(candidate.threads);
  return {threads, threads, candidate.bound ? host.processors : std::vector<int>()};
}

// The cost of one run: the mean over several.
struct Cost {
  double seconds = 0, joules = 0;
};

// Runs `work` once or, if joules are counted, until least_metered_seconds have passed.
Expected<Cost> cost_of(const autotune::JouleReader& joules, const std::function<Status()>& work) {
  double before = 0;
  if (joules) {
    TERN_ASSIGN(const double now, joules());
    before = now;
  }
  const Clock::time_point start = Clock::now();
  int runs = 0;
  double seconds = 0;
  do {
    TERN_TRY(work());
    ++runs;
    seconds = seconds_since(start);
  } while (joules && seconds < autotune::min_metered_seconds);
  if (!joules) return Cost{seconds, 0};
  TERN_ASSIGN(const double after, joules());
  return Cost{seconds / runs, (after - before) / runs};
}

// A model that is run again and again from the beginning.
class Sampler {
 public:
  Sampler(runtime::Engine& engine, runtime::Sequence sequence, const autotune::JouleReader& joules)
      : engine_(engine), sequence_(std::move(sequence)), joules_(joules) {
    for (size_t i = 0; i < context; ++i)
      ids_.push_back(static_cast<uint32_t>(i * 37 % engine.model().hyperparameters.vocabulary_size));
  }
  Expected<Cost> prefill(size_t tokens) {
    return cost_of(joules_, [&]() -> Status {
      sequence_.truncate(0);
      return append(tokens);
    });
  }
  // The cost of one token after a prompt, whose keys and values it reads.
  Expected<Cost> decode() {
    TERN_TRY(append(1));  // threads wake up, caches fill
    TERN_TRY(sequence_.checkpoint());
    const size_t length = sequence_.length();
    Expected<Cost> cost = cost_of(joules_, [&]() -> Status {
      sequence_.truncate(length);
      for (int i = 0; i < tokens_a_sample; ++i) {
        TERN_TRY(append(1));
      }
      return {};
    });
    if (!cost) return cost;
    return Cost{cost->seconds / tokens_a_sample, cost->joules / tokens_a_sample};
  }

 private:
  Status append(size_t tokens) {
    const auto logits = engine_.append(sequence_, std::span(ids_).first(tokens));
    return logits ? Status() : Status(logits.error());
  }

  runtime::Engine& engine_;
  runtime::Sequence sequence_;
  const autotune::JouleReader& joules_;
  std::vector<uint32_t> ids_;
};

}  // namespace

std::string shape_of(const Hyperparameters& model) {
  return fmt::format("L{} d{} f{} h{}/{} v{}", model.block_count, model.embedding_length,
                     model.feed_forward_length, model.head_count, model.head_count_kv, model.vocabulary_size);
}

Expected<ThreadTuning> tune_threads(Engine& engine, const targets::Host& host,
                                    const ThreadTuningOptions& options,
                                    const std::function<bool()>& interrupted) {
  const Clock::time_point start = Clock::now();
  TERN_ASSIGN(runtime::Sequence sequence, engine.make_sequence(context));
  Sampler sampler(engine, std::move(sequence), options.joules);
  const std::vector<autotune::ThreadCandidate> candidates = autotune::thread_candidates(host);
  TERN_TRY(sampler.prefill(short_prompt));  // pages come
  TERN_ASSIGN(const Cost short_cost, sampler.prefill(short_prompt));
  const double expected =
      short_cost.seconds * long_prompt / short_prompt * 3 * static_cast<double>(candidates.size());
  const size_t prompt = expected < options.budget_seconds / 2 ? long_prompt : short_prompt;

  const auto measure = [&](const autotune::ThreadCandidate& candidate) -> Expected<autotune::ThreadSample> {
    TERN_TRY(engine.set_threads(threads_of(candidate, host)));
    TERN_ASSIGN(const Cost prefill, sampler.prefill(prompt));
    TERN_ASSIGN(const Cost decode, sampler.decode());
    return autotune::ThreadSample{decode.seconds, prefill.seconds, decode.joules, prefill.joules};
  };
  const auto time_is_up = [&] { return seconds_since(start) > options.budget_seconds; };
  TERN_ASSIGN(std::vector<autotune::ThreadMeasurement> measurements,
              search_threads(candidates, options.objective, measure, time_is_up, interrupted));
  if (interrupted()) return Error{"interrupted before the threads were compared", {}, ErrorKind::interrupted};

  const auto prompt_tokens = static_cast<double>(prompt);
  const autotune::ThreadDecision decision =
      decide_threads(measurements, {256, 512 / prompt_tokens}, options.objective);
  ThreadTuning tuning;
  tuning.choice = {shape_of(engine.model().hyperparameters),
                   decision.decode.threads,
                   decision.prefill.threads,
                   {},
                   autotune::date_now(),
                   options.objective,
                   to_four_digits(decision.decode_joules),
                   to_four_digits(decision.prefill_joules / prompt_tokens)};
  const int count = std::max(decision.decode.threads, decision.prefill.threads);
  if (decision.decode.bound)
    tuning.choice.processors.assign(host.processors.begin(), host.processors.begin() + count);
  tuning.measurements = std::move(measurements);
  tuning.prompt = static_cast<int64_t>(prompt);
  return tuning;
}

std::optional<EngineThreads> chosen_threads(const autotune::Database& database, const Hyperparameters& model,
                                            const targets::Host& host) {
  const auto choice = std::ranges::find(database.threads, shape_of(model), &autotune::ThreadChoice::model);
  // The file can be edited by hand: the numbers are checked.
  if (choice == database.threads.end() || choice->decode_threads < 1 || choice->prefill_threads < 1 ||
      std::max(choice->decode_threads, choice->prefill_threads) > host.hardware_threads)
    return std::nullopt;
  EngineThreads threads(static_cast<size_t>(choice->decode_threads),
                        static_cast<size_t>(choice->prefill_threads), choice->processors);
  const bool ours = std::ranges::all_of(threads.processors, [&](int processor) {
    return std::ranges::find(host.processors, processor) != host.processors.end();
  });
  if (!ours || threads.processors.size() < threads.max()) threads.processors.clear();
  return threads;
}

}  // namespace tern::runtime
