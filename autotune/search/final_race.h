// The end of a search: the layouts that look best race once more, and the best of them is chosen.
#pragma once

#include <vector>

#include "autotune/search/candidate_timing.h"
#include "autotune/search/layout_candidate.h"

namespace tern::autotune {

// The layouts of the final races, by ascending seconds, with ties decided for the default kernels; empty if
// no layout has a kernel for every bucket.
//
// A final race has the best kernels of the best layouts. The one that came first in the search was also
// lucky, so after a race the kernels that are best now race as well, until the best have all run in one. A
// default kernel needs no record, so it is chosen where the best of its layout gains no more than 1 %; and
// the default layout is chosen where the best one gains no more than 5 % of a session, since which layout is
// best depends on the bandwidth of memory, which may change by half within an hour where a machine is shared.
std::vector<LayoutCandidate> decide_layouts(std::vector<Bucket>& buckets, CandidateTiming& timing,
                                            const SearchTools& tools);

}  // namespace tern::autotune
