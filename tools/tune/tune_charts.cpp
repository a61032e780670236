#include "tools/tune/tune_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/statistics.h"
#include "ir/kernel/layout.h"
#include "tools/tune/svg.h"

namespace tern::tools {
namespace {

using autotune::Bucket;
using autotune::Evaluation;

// What a pointer on a candidate shows.
std::string tooltip(const Bucket& bucket, size_t i) {
  const Evaluation& evaluation = bucket.evaluations[i];
  const Estimate ratio = evaluation.ratio;
  std::string text = fmt::format("{}{}\n{:.3f}", i == 0 ? "the default kernel: " : "",
                                 print(evaluation.candidate), ratio.value);
  text += fmt::format(" ± {:.3f} of the default's time, {}, {} from cache, {} rounds from memory",
                      ratio.error, quantity_text(evaluation.seconds(bucket.default_seconds), "s"),
                      quantity_text(bucket.cost(evaluation).cache_seconds, "s"), ratio.count);
  if (evaluation.prediction)
    text += fmt::format("\npredicted {}: {}", quantity_text(evaluation.prediction->seconds, "s"),
                        evaluation.prediction->limit);
  return text;
}

// The same in few words, for figures of several numbers of rows.
std::string short_tooltip(const Bucket& bucket, const Evaluation& evaluation) {
  std::string text = fmt::format("{}, {} rows\n{}", print(evaluation.candidate.recipe), bucket.demand.m,
                                 quantity_text(evaluation.seconds(bucket.default_seconds), "s"));
  if (evaluation.prediction)
    text += fmt::format(", predicted {}", quantity_text(evaluation.prediction->seconds, "s"));
  return text;
}

// The class that gives a candidate its colour; what was only timed from cache is faint.
std::string classes(const Evaluation& evaluation) {
  return fmt::format("p {}{}", ir::name(evaluation.candidate.recipe.strategy()),
                     evaluation.prediction_errors.empty() ? " faint" : "");
}

// One candidate in a figure of all numbers of rows; default kernels and winners stand out.
void mark_evaluation(Plot& plot, const Bucket& bucket, size_t i, size_t winner, double x, double y) {
  const Evaluation& evaluation = bucket.evaluations[i];
  plot.mark(i == 0 ? Marker::diamond : Marker::circle, x, y, classes(evaluation),
            short_tooltip(bucket, evaluation));
  if (i == winner) plot.mark(Marker::ring, x, y, "winner");
}

struct Point {
  size_t bucket, evaluation;
  double x, y;
};

// The points of all measured evaluations of which `place` knows where they are.
template <class Place>
std::vector<Point> points_of(const autotune::ShapeSearch& search, Place place) {
  std::vector<Point> points;
  for (size_t b = 0; b < search.buckets().size(); ++b) {
    const Bucket& bucket = search.buckets()[b];
    for (size_t i = 0; i < bucket.evaluations.size(); ++i) {
      if (!bucket.evaluations[i].measured()) continue;
      if (const auto at = place(bucket, bucket.evaluations[i]))
        points.push_back({b, i, at->first, at->second});
    }
  }
  return points;
}

using Place = std::optional<std::pair<double, double>>;

}  // namespace

double Roofs::products(double products_per_byte) const {
  return std::min(bytes_per_second * products_per_byte, products_per_second);
}

double products_of(const ir::Problem& problem) {
  return static_cast<double>(problem.m) * static_cast<double>(problem.n) * static_cast<double>(problem.k);
}

double weight_bytes(const ir::Kernel& kernel) {
  const ir::Problem& problem = kernel.problem;
  int64_t bytes = ir::LayoutMap(kernel.weights, problem.n, problem.k).size_in_bytes();
  if (kernel.scales) {
    const int64_t groups = ir::ceil_divide(problem.k, problem.w.group);
    bytes += ir::LayoutMap(*kernel.scales, problem.n, groups).size_in_bytes();
  }
  return static_cast<double>(bytes);
}

std::vector<size_t> by_ratio(const Bucket& bucket) {
  std::vector<size_t> order;
  for (size_t i = 0; i < bucket.evaluations.size(); ++i) {
    if (bucket.evaluations[i].measured()) order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [&](size_t i) { return bucket.evaluations[i].ratio.value; });
  return order;
}

std::string landscape(const Bucket& bucket, size_t winner) {
  const std::vector<size_t> order = by_ratio(bucket);
  std::vector<double> ratios = {1};
  for (const size_t i : order) ratios.push_back(bucket.evaluations[i].ratio.value);
  const Axis x{0, static_cast<double>(order.size()) + 1, false, "candidates, the fastest first", {}, false};
  Plot plot(808, 260, x, axis_of(ratios, true, "time / the default's"), "The tuning landscape");
  plot.band(x.low, 1 - bucket.noise(), x.high, 1 + bucket.noise(), "noise");
  plot.line(x.low, 1, x.high, 1, "reference");
  plot.text(x.low, 1, 6, 5, Anchor::start, "default");
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const size_t i = order[rank];
    const Evaluation& evaluation = bucket.evaluations[i];
    const Estimate ratio = evaluation.ratio;
    const double place = static_cast<double>(rank) + 1;
    plot.line(place, ratio.value - ratio.error, place, ratio.value + ratio.error,
              fmt::format("error {}", ir::name(evaluation.candidate.recipe.strategy())));
    plot.mark(i == 0 ? Marker::diamond : Marker::circle, place, ratio.value, classes(evaluation),
              tooltip(bucket, i));
    if (i == winner) plot.mark(Marker::ring, place, ratio.value, "winner");
  }
  return plot.finish();
}

std::string noise_plot(const Bucket& bucket, size_t winner) {
  std::vector<double> own = bucket.control, winners = bucket.evaluations[winner].entry->from_memory.ratios;
  const double middle = median(winners);
  for (double& ratio : own) ratio = 100 * (ratio - 1);
  for (double& ratio : winners) ratio = 100 * (ratio / middle - 1);
  double most = 2;
  for (const double percent : own) most = std::max(most, std::abs(percent));
  for (const double percent : winners) most = std::max(most, std::abs(percent));
  most = std::min(1.1 * most, 50.0);
  const Axis x{-most, most, false, "% off, one mark a round", {}};
  Plot plot(808, 118, x, {0, 3, false, {}, {}, false}, "Noise");
  plot.band(-100 * bucket.noise(), 0, 100 * bucket.noise(), 3, "noise");
  plot.line(0, 0, 0, 3, "reference");
  plot.text(-most, 2, -4, -4, Anchor::end, "default");
  plot.text(-most, 1, -4, -4, Anchor::end, "winner");
  for (const double percent : own) plot.mark(Marker::circle, percent, 2, "p round");
  const std::string colour =
      fmt::format("p {} round", ir::name(bucket.evaluations[winner].candidate.recipe.strategy()));
  for (const double percent : winners) plot.mark(Marker::circle, percent, 1, colour);
  return plot.finish();
}

std::string roofline(const autotune::ShapeSearch& search, const autotune::LayoutCandidate& best,
                     const Roofs& roofs) {
  const std::vector<Point> points =
      points_of(search, [](const Bucket& bucket, const Evaluation& evaluation) -> Place {
        const double products = products_of(bucket.problem);
        return std::pair(products / weight_bytes(evaluation.candidate.kernel),
                         products / evaluation.seconds(bucket.default_seconds));
      });
  const double ridge = roofs.products_per_second / roofs.bytes_per_second;
  std::vector<double> xs = {ridge}, ys = {roofs.products_per_second};
  for (const Point& point : points) {
    xs.push_back(point.x);
    ys.push_back(point.y);
  }
  const Axis x = axis_of(xs, true, "products per byte of weights");
  const Axis y = axis_of(ys, true, "products / s");
  Plot plot(376, 300, x, y, "The roofline");
  // Where the memory roof enters the figure: at its left edge or at its lower one.
  const double start = std::max(x.low, y.low / roofs.bytes_per_second);
  plot.line(start, roofs.bytes_per_second * start, ridge, roofs.products_per_second, "roof",
            fmt::format("memory: {}", quantity_text(roofs.bytes_per_second, "B/s")));
  plot.line(ridge, roofs.products_per_second, x.high, roofs.products_per_second, "roof",
            fmt::format("arithmetic: {}", quantity_text(roofs.products_per_second, "products/s")));
  for (const Point& point : points)
    mark_evaluation(plot, search.buckets()[point.bucket], point.evaluation, best.evaluations[point.bucket],
                    point.x, point.y);
  return plot.finish();
}

std::string prediction_plot(const autotune::ShapeSearch& search, const autotune::LayoutCandidate& best) {
  const std::vector<Point> points =
      points_of(search, [](const Bucket& bucket, const Evaluation& evaluation) -> Place {
        if (!evaluation.prediction) return std::nullopt;
        return std::pair(evaluation.prediction->seconds, evaluation.seconds(bucket.default_seconds));
      });
  std::vector<double> xs, ys;
  for (const Point& point : points) {
    xs.push_back(point.x);
    ys.push_back(point.y);
  }
  const Axis x = axis_of(xs, true, "predicted", "s"), y = axis_of(ys, true, "measured", "s");
  Plot plot(376, 300, x, y, "Predicted and measured times");
  const double low = std::max(x.low, y.low), high = std::min(x.high, y.high);
  if (low < high) plot.line(low, low, high, high, "reference", "measured as predicted");
  for (const Point& point : points)
    mark_evaluation(plot, search.buckets()[point.bucket], point.evaluation, best.evaluations[point.bucket],
                    point.x, point.y);
  return plot.finish();
}

}  // namespace tern::tools
