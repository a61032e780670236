#include "tools/thread_tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "autotune/statistics.h"
#include "autotune/tune.h"
#include "tools/model_options.h"

namespace tern::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Shorter prompts do where long ones would take too much of the time.
constexpr size_t short_prompt = 64, long_prompt = 256, context = 512;
constexpr int tokens_a_sample = 4;

runtime::EngineThreads threads_of(const autotune::ThreadCandidate& candidate, const targets::Host& host) {
  const auto threads = static_cast<size_t>(candidate.threads);
  return {threads, threads, candidate.bound ? host.processors : std::vector<int>()};
}

// A model that is run again and again from the beginning.
class Sampler {
 public:
  Sampler(runtime::Engine& engine, runtime::KvCache cache) : engine_(engine), cache_(std::move(cache)) {
    for (size_t i = 0; i < context; ++i)
      ids_.push_back(static_cast<uint32_t>(i * 37 % engine.model().hyperparameters.vocabulary_size));
  }
  double prefill(size_t tokens) {
    cache_.truncate(0);
    const Clock::time_point start = Clock::now();
    engine_.append(cache_, std::span(ids_).first(tokens));
    return seconds_since(start);
  }
  // After a prompt: its keys and values count too.
  double decode() {
    engine_.append(cache_, std::span(ids_).first(1));  // threads wake up, caches fill
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < tokens_a_sample; ++i) engine_.append(cache_, std::span(ids_).first(1));
    return seconds_since(start) / tokens_a_sample;
  }

 private:
  runtime::Engine& engine_;
  runtime::KvCache cache_;
  std::vector<uint32_t> ids_;
};

std::string time_text(double seconds) {
  return fmt::format("{:.2f} ms", seconds * 1e3);
}

}  // namespace

std::string shape_of(const runtime::Hyperparameters& model) {
  return fmt::format("L{} d{} f{} h{}/{} v{}", model.block_count, model.embedding_length,
                     model.feed_forward_length, model.head_count, model.head_count_kv, model.vocabulary_size);
}

Expected<ThreadTuning> tune_threads(runtime::Engine& engine, const targets::Host& host, double budget_seconds,
                                    const std::function<bool()>& interrupted) {
  const Clock::time_point start = Clock::now();
  Expected<runtime::KvCache> cache = engine.make_cache(context);
  if (!cache) return cache.error();
  Sampler sampler(engine, cache.take());
  const std::vector<autotune::ThreadCandidate> candidates = autotune::thread_candidates(host);
  sampler.prefill(short_prompt);  // pages of memory come in
  const double expected =
      sampler.prefill(short_prompt) * long_prompt / short_prompt * 3 * static_cast<double>(candidates.size());
  const size_t prompt = expected < budget_seconds / 2 ? long_prompt : short_prompt;

  const auto measure = [&](const autotune::ThreadCandidate& candidate) -> Expected<autotune::ThreadSample> {
    if (const Status status = engine.set_threads(threads_of(candidate, host)); !status) return status.error();
    autotune::ThreadSample sample;
    sample.prefill_seconds = sampler.prefill(prompt);
    sample.decode_seconds = sampler.decode();
    return sample;
  };
  const auto time_is_up = [&] { return seconds_since(start) > budget_seconds; };
  Expected<std::vector<autotune::ThreadTrial>> trials =
      search_threads(candidates, measure, time_is_up, interrupted);
  if (!trials) return trials.error();
  if (interrupted()) return Error{"interrupted before the threads were compared", {}};

  const autotune::ThreadDecision decision = decide_threads(*trials, {256, 512 / static_cast<double>(prompt)});
  ThreadTuning tuning;
  tuning.choice = {shape_of(engine.model().hyperparameters),
                   decision.decode.threads,
                   decision.prefill.threads,
                   {},
                   autotune::date_now()};
  const int most = std::max(decision.decode.threads, decision.prefill.threads);
  if (decision.decode.bound)
    tuning.choice.processors.assign(host.processors.begin(), host.processors.begin() + most);
  tuning.trials = trials.take();
  tuning.prompt = static_cast<int64_t>(prompt);
  return tuning;
}

std::optional<runtime::EngineThreads> chosen_threads(const autotune::Database& database,
                                                     const runtime::Hyperparameters& model,
                                                     const targets::Host& host) {
  const auto choice = std::ranges::find(database.threads, shape_of(model), &autotune::ThreadChoice::model);
  // What somebody wrote into the file may be anything.
  if (choice == database.threads.end() || choice->decode_threads < 1 || choice->prefill_threads < 1 ||
      std::max(choice->decode_threads, choice->prefill_threads) > host.hardware_threads)
    return std::nullopt;
  runtime::EngineThreads threads(static_cast<size_t>(choice->decode_threads),
                                 static_cast<size_t>(choice->prefill_threads), choice->processors);
  const bool ours = std::ranges::all_of(threads.processors, [&](int processor) {
    return std::ranges::find(host.processors, processor) != host.processors.end();
  });
  if (!ours || threads.processors.size() < threads.most()) threads.processors.clear();
  return threads;
}

std::string text(const ThreadTuning& tuning) {
  std::string text = fmt::format("\n| threads |          | a token    | {} tokens |\n", tuning.prompt);
  text += "| ------: | -------- | ---------: | ---------: |\n";
  std::vector<const autotune::ThreadTrial*> trials;
  for (const autotune::ThreadTrial& trial : tuning.trials) trials.push_back(&trial);
  std::ranges::sort(trials, {}, [](const autotune::ThreadTrial* trial) {
    return std::pair(trial->candidate.threads, trial->candidate.bound);
  });
  for (const autotune::ThreadTrial* trial : trials) {
    std::vector<double> decode, prefill;
    for (const autotune::ThreadSample& sample : trial->samples) {
      decode.push_back(sample.decode_seconds);
      prefill.push_back(sample.prefill_seconds);
    }
    text += fmt::format("| {:>7} | {:<8} | {:>10} | {:>10} |\n", trial->candidate.threads,
                        trial->candidate.bound ? "bound" : "", time_text(autotune::median(decode)),
                        time_text(autotune::median(prefill)));
  }
  const autotune::ThreadChoice& choice = tuning.choice;
  const runtime::EngineThreads best(static_cast<size_t>(choice.decode_threads),
                                    static_cast<size_t>(choice.prefill_threads), choice.processors);
  return text + fmt::format("\nthreads: {}\n", tools::text(best));
}

}  // namespace tern::tools
