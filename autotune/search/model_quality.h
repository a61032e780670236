// How good the cost model's predictions were: what it ranked first, and what was first.
#pragma once

#include <string>
#include <vector>

#include "autotune/search/shape_search.h"

namespace tern::autotune {

struct ModelQuality {
  std::string kernels;          // which: "all", a strategy's name, or "4 rows"
  size_t count = 0;             // that were predicted and measured
  double rank_correlation = 0;  // Spearman, of predicted with measured seconds; the mean over the buckets
  double top_ten = 0;  // the share of the buckets whose best kernel is among the ten that were ranked first
  double worst_factor =
      1;  // how far off, at most: measured / predicted or its inverse, without what was learned
};

// Over all buckets of all searches: for all kernels first, then by strategy, then by number of rows. Buckets
// with fewer than 4 kernels do not count.
std::vector<ModelQuality> model_quality(const std::vector<const ShapeSearch*>& searches);

}  // namespace tern::autotune
