#include "autotune/measure/rounds.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace tern::autotune {
namespace {

// Keeps the times instead of printing them. Names are indices.
class Collector : public benchmark::BenchmarkReporter {
 public:
  explicit Collector(std::vector<double>& seconds) : seconds_(seconds) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const size_t index = std::stoul(run.run_name.function_name);
      seconds_[index] = run.real_accumulated_time / static_cast<double>(run.iterations);
    }
  }

 private:
  std::vector<double>& seconds_;
};

}  // namespace

std::vector<double> time_in_turn(std::span<const std::function<void()>> work, uint64_t seed) {
  std::vector<size_t> order(work.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::shuffle(order, std::mt19937_64(seed));
  benchmark::ClearRegisteredBenchmarks();
  for (const size_t index : order) {
    benchmark::RegisterBenchmark(fmt::format("{}", index).c_str(),
                                 [body = &work[index]](benchmark::State& state) {
                                   for (auto _ : state) (*body)();
                                 })
        ->Iterations(1)
        ->UseRealTime();
  }
  std::vector<double> seconds(work.size());
  Collector collector(seconds);
  if (!work.empty()) benchmark::RunSpecifiedBenchmarks(&collector, ".");
  benchmark::ClearRegisteredBenchmarks();
  return seconds;
}

}  // namespace tern::autotune
