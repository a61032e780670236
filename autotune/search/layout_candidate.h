// One layout of a matrix's packed weights as a candidate: a kernel for each number of rows, all of which read
// it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "autotune/search/bucket.h"

namespace tern::autotune {

struct LayoutCandidate {
  std::vector<size_t> evaluations;  // by bucket: the kernel's index in Bucket::evaluations
  double seconds = 0;               // of a session: the sum of Bucket::session_seconds
};

// Its layout_key.
const std::string& layout_of(const LayoutCandidate& candidate, std::span<const Bucket> buckets);

// Which kernels count: all that were measured, or only those of the final race.
enum class Among : uint8_t { measured, final_race };
// Each layout that has such a kernel for every bucket, with the best kernels, by ascending seconds.
std::vector<LayoutCandidate> best_layouts(std::span<const Bucket> buckets, Among among);

// The indices of a layout's best kernels in a bucket, by ascending session_seconds: within the relative
// `margin` of the best one, and at most `max_count`.
std::vector<size_t> best_of_layout(const Bucket& bucket, const std::string& layout, double margin,
                                   size_t max_count);

}  // namespace tern::autotune
