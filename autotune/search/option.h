// Kernels that go together: for each number of rows one, and all read the same packed weights.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "autotune/search/bucket.h"

namespace tern::autotune {

// Kernels that share packed weights, one for each bucket.
struct Option {
  std::vector<size_t> trials;  // by bucket: indices into its trials
  double seconds = 0;          // of a session: calls times seconds of each bucket
};

const std::string& layout_of(const Option& option, std::span<const Bucket> buckets);

enum class Among : uint8_t { measured, finalists };
// The best of each layout that has a kernel for every bucket, by ascending seconds.
std::vector<Option> best_options(std::span<const Bucket> buckets, Among among);

// The best trials of a layout in a bucket, as they should be: within `margin` of its best, and no more than
// `most` of them.
std::vector<size_t> best_of_layout(const Bucket& bucket, const std::string& layout, double margin,
                                   size_t most);

}  // namespace tern::autotune
