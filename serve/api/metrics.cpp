#include <fmt/format.h>

#include "serve/api/texts.h"

namespace tern::serve {
namespace {

void add(std::string& text, const char* kind, const char* name, const char* help, double value) {
  text += fmt::format("# HELP tern_{0} {2}\n# TYPE tern_{0} {1}\ntern_{0} {3}\n", name, kind, help, value);
}

void add(std::string& text, const char* name, const char* help, const Histogram& histogram) {
  text += fmt::format("# HELP tern_{0} {1}\n# TYPE tern_{0} histogram\n", name, help);
  uint64_t count = 0;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    count += histogram.counts[i];
    const std::string bound = i < histogram.bounds.size() ? fmt::format("{}", histogram.bounds[i]) : "+Inf";
    text += fmt::format("tern_{}_bucket{{le=\"{}\"}} {}\n", name, bound, count);
  }
  text += fmt::format("tern_{0}_sum {1}\ntern_{0}_count {2}\n", name, histogram.sum, count);
}

}  // namespace

Reply show_metrics(const Service& service) {
  const WorkerStats stats = service.worker.stats();
  const SchedulerCounts& counts = stats.scheduler;
  std::string text;
  const auto gauge = [&](const char* name, const char* help, size_t value) {
    add(text, "gauge", name, help, static_cast<double>(value));
  };
  const auto counter = [&](const char* name, const char* help, uint64_t value) {
    add(text, "counter", name, help, static_cast<double>(value));
  };
  gauge("requests_waiting", "Sequences that have not begun or were preempted", counts.waiting);
  gauge("requests_running", "Sequences that are computed", counts.running);
  gauge("pages", "Pages for keys and values", counts.pages);
  gauge("pages_free", "Pages that nothing uses", counts.free_pages);
  gauge("pages_cached", "Pages of beginnings that are kept for later", counts.cached_pages);
  counter("preemptions_total", "Sequences that gave up their pages for a while", counts.preemptions);
  counter("prompt_tokens_total", "Tokens of prompts that were accepted", counts.prompt_tokens);
  counter("prompt_tokens_cached_total", "Tokens of prompts whose keys and values were at hand",
          counts.reused_tokens);
  counter("generated_tokens_total", "Tokens of answers", stats.generated_tokens);
  counter("answers_finished_total", "Answers that went well", stats.finished);
  counter("answers_refused_total", "Answers that were not accepted or waited too long", stats.refused);
  counter("answers_failed_total", "Answers that failed", stats.failed);
  counter("answers_cancelled_total", "Answers whose client went", stats.cancelled);
  counter("steps_total", "Steps of the model", stats.steps);
  add(text, "counter", "step_seconds_total", "Seconds in steps of the model", stats.step_seconds);
  add(text, "first_token_seconds", "From the arrival of a request to its first token", stats.first_token);
  add(text, "next_token_seconds", "Between tokens of an answer", stats.next_token);
  return {.content_type = "text/plain; version=0.0.4", .body = std::move(text)};
}

}  // namespace tern::serve
