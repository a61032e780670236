#include "tools/bench/shape_bench_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace tern::tools {
namespace {

constexpr const char* columns =
    "|   rows | weights        | kernel                 |   us a row |  GW/s | bandwidth |   peak |          "
    "ratio |"
    " GW/s cache |   peak |    ratio cache |\n"
    "| -----: | -------------- | ---------------------- | ---------: | ----: | --------: | -----: | "
    "-------------: |"
    " ---------: | -----: | -------------: |\n";

std::string heading(const ShapeMeasurement& one, const std::string& target) {
  const std::string peak = one.peak_products > 0
                               ? fmt::format("int8 peak {:.0f} G products/s", one.peak_products / 1e9)
                               : "no int8 peak, for products take several instructions";
  return fmt::format(
      "{} x {}, {} thread{}, target {}: bandwidth {:.1f} GB/s, {}\n"
      "GW/s: 1e9 weights a second, each counted once for each row; ratio: time over that of the first "
      "weights in the "
      "same round\n\n{}",
      one.problem.n, one.problem.k, one.threads, one.threads == 1 ? "" : "s", target, one.bandwidth / 1e9,
      peak, columns);
}

std::string of_peak(const ShapeMeasurement& one, const Speed& speed) {
  return one.peak_products > 0 ? fmt::format("{:.1f}%", 100 * one.of_peak(speed)) : "-";
}

std::string ratio(const Speed& speed) {
  return fmt::format("{:.3f} ± {:.3f}", speed.ratio.value, speed.ratio.error);
}

std::string line(const ShapeMeasurement& one) {
  const auto rows = static_cast<double>(one.problem.m);
  return fmt::format(
      "| {:>6} | {:<14} | {:<22} | {:>10.2f} | {:>5.1f} | {:>8.1f}% | {:>6} | {:>14} | {:>10.1f} | "
      "{:>6} | {:>14} |\n",
      one.problem.m, one.weights, one.kernel, 1e6 * one.memory.seconds / rows,
      one.memory.products_per_second / 1e9, 100 * one.of_bandwidth(), of_peak(one, one.memory),
      ratio(one.memory), one.cache.products_per_second / 1e9, of_peak(one, one.cache), ratio(one.cache));
}

bool share_a_heading(const ShapeMeasurement& a, const ShapeMeasurement& b) {
  return a.problem.n == b.problem.n && a.problem.k == b.problem.k && a.threads == b.threads;
}

}  // namespace

std::string shape_bench_markdown(std::span<const ShapeMeasurement> all, const std::string& target) {
  std::string text;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i == 0 || !share_a_heading(all[i - 1], all[i]))
      text += fmt::format("{}{}", i == 0 ? "" : "\n", heading(all[i], target));
    text += line(all[i]);
  }
  return text.empty() ? std::string("ended before anything was measured\n") : text;
}

std::string shape_bench_json(std::span<const ShapeMeasurement> all, const std::string& target) {
  nlohmann::json array = nlohmann::json::array();
  for (const ShapeMeasurement& one : all) {
    nlohmann::json object = {{"target", target},
                             {"n", one.problem.n},
                             {"k", one.problem.k},
                             {"rows", one.problem.m},
                             {"threads", one.threads},
                             {"weights", one.weights},
                             {"kernel", one.kernel},
                             {"packed_bytes", one.packed_bytes},
                             {"rounds", one.rounds},
                             {"seconds", one.memory.seconds},
                             {"products_per_second", one.memory.products_per_second},
                             {"ratio", one.memory.ratio.value},
                             {"ratio_error", one.memory.ratio.error},
                             {"cache_seconds", one.cache.seconds},
                             {"cache_products_per_second", one.cache.products_per_second},
                             {"cache_ratio", one.cache.ratio.value},
                             {"cache_ratio_error", one.cache.ratio.error},
                             {"bandwidth_bytes_per_second", one.bandwidth},
                             {"bandwidth_fraction", one.of_bandwidth()}};
    if (one.peak_products > 0) {
      object["peak_products_per_second"] = one.peak_products;
      object["peak_fraction"] = one.of_peak(one.memory);
      object["cache_peak_fraction"] = one.of_peak(one.cache);
    }
    array.push_back(std::move(object));
  }
  return array.dump(2) + "\n";
}

std::string shape_bench_csv(std::span<const ShapeMeasurement> all) {
  std::string text =
      "n,k,rows,threads,weights,kernel,packed_bytes,seconds,products_per_second,ratio,ratio_error,cache_"
      "seconds,"
      "cache_products_per_second,cache_ratio,cache_ratio_error,bandwidth_bytes_per_second,"
      "peak_products_per_second\n";
  for (const ShapeMeasurement& one : all)
    text += fmt::format(
        "{},{},{},{},{},{},{},{:.9f},{:.0f},{:.4f},{:.4f},{:.9f},{:.0f},{:.4f},{:.4f},{:.0f},{:.0f}\n",
        one.problem.n, one.problem.k, one.problem.m, one.threads, one.weights, one.kernel, one.packed_bytes,
        one.memory.seconds, one.memory.products_per_second, one.memory.ratio.value, one.memory.ratio.error,
        one.cache.seconds, one.cache.products_per_second, one.cache.ratio.value, one.cache.ratio.error,
        one.bandwidth, one.peak_products);
  return text;
}

}  // namespace tern::tools
