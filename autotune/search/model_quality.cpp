#include "autotune/search/model_quality.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/rank_correlation.h"

namespace tern::autotune {
namespace {

struct Pair {
  double predicted, measured;
};

// Gathers one row's figures bucket by bucket.
class Figures {
 public:
  void add(std::vector<Pair> pairs) {
    constexpr size_t least = 4, first = 10;
    if (pairs.size() < least) return;
    std::vector<double> predicted, measured;
    for (const Pair& pair : pairs) {
      predicted.push_back(pair.predicted);
      measured.push_back(pair.measured);
      const double factor = pair.measured / pair.predicted;
      worst_ = std::max({worst_, factor, 1 / factor});
    }
    ++buckets_;
    count_ += pairs.size();
    correlations_ += rank_correlation(predicted, measured);
    const auto best = std::ranges::min_element(pairs, {}, &Pair::measured);
    const auto before =
        std::ranges::count_if(pairs, [&](const Pair& pair) { return pair.predicted < best->predicted; });
    hits_ += static_cast<size_t>(before) < first;
  }

  ModelQuality finish(const std::string& kernels) const {
    const auto buckets = static_cast<double>(std::max<size_t>(buckets_, 1));
    return {kernels, count_, correlations_ / buckets, static_cast<double>(hits_) / buckets, worst_};
  }

 private:
  size_t buckets_ = 0, count_ = 0, hits_ = 0;
  double correlations_ = 0, worst_ = 1;
};

}  // namespace

std::vector<ModelQuality> model_quality(const std::vector<const ShapeSearch*>& searches) {
  Figures all;
  std::map<std::string, Figures> by_strategy;
  std::map<int64_t, Figures> by_rows;
  for (const ShapeSearch* search : searches) {
    for (const Bucket& bucket : search->buckets()) {
      std::vector<Pair> pairs;
      std::map<std::string, std::vector<Pair>> some;
      for (const Evaluation& evaluation : bucket.evaluations) {
        if (!evaluation.prediction || !evaluation.measured()) continue;
        const Pair pair{evaluation.prediction->seconds, evaluation.seconds(bucket.default_seconds)};
        pairs.push_back(pair);
        some[std::string(ir::name(evaluation.candidate.recipe.strategy()))].push_back(pair);
      }
      by_rows[bucket.problem.m].add(pairs);
      all.add(std::move(pairs));
      for (auto& [name, of_it] : some) by_strategy[name].add(std::move(of_it));
    }
  }
  std::vector<ModelQuality> rows = {all.finish("all")};
  for (const auto& [name, figures] : by_strategy) rows.push_back(figures.finish(name));
  for (const auto& [m, figures] : by_rows)
    rows.push_back(figures.finish(fmt::format("{} {}", m, m == 1 ? "row" : "rows")));
  return rows;
}

}  // namespace tern::autotune
