#include "runtime/generate/logits.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>

#include "runtime/math/portable_math.h"

namespace tern::runtime {

bool all_finite(std::span<const float> logits) {
  uint32_t largest = 0;  // magnitudes compare as their bits do, and infinity and NaN come after all others
  for (const float logit : logits) largest = std::max(largest, std::bit_cast<uint32_t>(logit) & 0x7fffffffu);
  return largest < 0x7f800000u;
}

size_t argmax(std::span<const float> logits) {
  assert(!logits.empty());
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

double log_sum_exp(std::span<const float> logits) {
  const double largest = logits[argmax(logits)];
  double sum = 0.0;
  for (const float logit : logits) sum += portable_exp(logit - largest);
  return largest + portable_log(sum);
}

double log_softmax(std::span<const float> logits, size_t token) {
  assert(token < logits.size());
  return logits[token] - log_sum_exp(logits);
}

}  // namespace tern::runtime
