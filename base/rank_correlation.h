// Whether two series rank the same things alike.
#pragma once

#include <span>

namespace tern {

// The correlation of ranks, -1 to 1 (Spearman): of what was predicted with what was measured, say. Ties share
// their mean rank. 0 if there are fewer than two values or no variation. Precondition: equally many.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace tern
