#include "tools/tune/thread_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/options/model_options.h"

namespace tern::tools {
namespace {

std::string time_text(double seconds) {
  return fmt::format("{:.2f} ms", seconds * 1e3);
}

std::string energy_text(double joules) {
  return joules < 1 ? fmt::format("{:.2f} mJ", joules * 1e3) : fmt::format("{:.2f} J", joules);
}

}  // namespace

std::string text(const runtime::ThreadTuning& tuning) {
  const auto has_joules = [](const autotune::ThreadMeasurement& one) {
    return one.median_of(&autotune::ThreadSample::decode_joules) > 0;
  };
  const bool joules = std::ranges::any_of(tuning.measurements, has_joules);
  std::string text = fmt::format("\n| threads |          | a token    | {:>3} tokens |", tuning.prompt);
  text += joules ? " a token   | of a prompt |\n" : "\n";
  text += "| ------: | -------- | ---------: | ---------: |";
  text += joules ? " --------: | ----------: |\n" : "\n";
  std::vector<const autotune::ThreadMeasurement*> measurements;
  for (const autotune::ThreadMeasurement& one : tuning.measurements) measurements.push_back(&one);
  std::ranges::sort(measurements, {}, [](const autotune::ThreadMeasurement* one) {
    return std::pair(one->candidate.threads, one->candidate.bound);
  });
  for (const autotune::ThreadMeasurement* one : measurements) {
    text += fmt::format("| {:>7} | {:<8} | {:>10} | {:>10} |", one->candidate.threads,
                        one->candidate.bound ? "bound" : "",
                        time_text(one->median_of(&autotune::ThreadSample::decode_seconds)),
                        time_text(one->median_of(&autotune::ThreadSample::prefill_seconds)));
    if (joules)
      text += fmt::format(" {:>9} | {:>11} |",
                          energy_text(one->median_of(&autotune::ThreadSample::decode_joules)),
                          energy_text(one->median_of(&autotune::ThreadSample::prefill_joules) /
                                      static_cast<double>(tuning.prompt)));
    text += "\n";
  }
  const autotune::ThreadChoice& choice = tuning.choice;
  const runtime::EngineThreads best(static_cast<size_t>(choice.decode_threads),
                                    static_cast<size_t>(choice.prefill_threads), choice.processors);
  return text + fmt::format("\nthreads: {}\n", tools::text(best));
}

}  // namespace tern::tools
