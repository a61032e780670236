#include "tools/tune/tune_session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>

#include "runtime/session/tune_tasks.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"

namespace tern::tools {
namespace {

std::string time_text(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  return seconds < 7200 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

std::string progress_text(const autotune::TuneProgress& progress) {
  constexpr int width = 20;
  const int done = static_cast<int>(progress.fraction * width);
  return fmt::format(
      "[{:#<{}}{:.<{}}] {} left  {} ({} of {})  best {:.3f} of the default's time  {} measured", "", done, "",
      width - done, time_text(progress.seconds_left), runtime::shape_text(progress.problem),
      progress.shape + 1, progress.shapes, progress.best_ratio, progress.measured);
}

// On standard error: one line that is written again and again or, where that is no terminal, a line a minute.
class ProgressLine {
 public:
  void show(const autotune::TuneProgress& progress) {
    if (is_terminal_) {
      fmt::print(stderr, "\r\x1b[K{}", progress_text(progress));
    } else if (Clock::now() >= next_) {
      fmt::print(stderr, "{}\n", progress_text(progress));
      next_ = Clock::now() + std::chrono::minutes(1);
    }
    std::fflush(stderr);
  }
  ~ProgressLine() {
    if (is_terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  using Clock = std::chrono::steady_clock;
  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  Clock::time_point next_ = Clock::now() + std::chrono::minutes(1);
};

}  // namespace

Expected<double> parse_duration(const std::string& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const double seconds = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (problem != std::errc() || seconds == 0 || !(value > 0) || value * seconds > 1e7)
    return Error{fmt::format("'{}' is no time such as 60s, 2m or 1h", text), {}};
  return value * seconds;
}

Expected<runtime::JobResult> run_job(const runtime::TuneJob& job, const targets::Host& host) {
  ProgressLine line;
  return runtime::tune_kernels_into(
      job, host,
      {[&](const autotune::TuneProgress& progress) { line.show(progress); }, interrupted, print_warning});
}

}  // namespace tern::tools
