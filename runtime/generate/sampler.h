// Choosing the next token from a row of logits.
//
// The steps, in this order (the customary one; each works on what the one before has left):
//   1. repetition penalty   the logit of a token among the last `repetition_window` ones is divided by the
//                           penalty if it is above 0 and multiplied by it otherwise
//   2. top-k                the k largest logits stay
//   3. top-p                the fewest of the largest whose probabilities add up to at least p stay
//   4. min-p                those at least min_p times as probable as the most probable one stay
//   5. temperature          logits are divided by it
//   6. draw                 one number from the generator chooses among the rest
// Equal logits rank by token id, lower first. Temperature 0 takes the largest logit after step 1.
// Step 6 goes through the tokens from the best down, or by id if no top-k or top-p is set.
// The same seed, logits and options give the same token on every CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/expected.h"

namespace tern::runtime {

struct SamplerOptions {
  float temperature = 0.8f;         // 0: always the largest logit
  uint32_t top_k = 40;              // 0: all
  float top_p = 0.95f;              // above 0, up to 1 (all)
  float min_p = 0.05f;              // 0 (all) up to 1
  float repetition_penalty = 1.0f;  // above 0; 1: none
  uint32_t repetition_window = 64;  // in tokens; 0: none
  uint64_t seed = 0;
  bool operator==(const SamplerOptions&) const = default;
};

// The SplitMix64 generator: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators",
// OOPSLA 2014.
class RandomNumbers {
 public:
  explicit RandomNumbers(uint64_t seed) : state_(seed) {}
  uint64_t next();
  // In [0, 1), from the upper 53 bits of next().
  double uniform();

 private:
  uint64_t state_;
};

class Sampler {
 public:
  // Fails with the name of an option that is out of its range.
  static Expected<Sampler> make(const SamplerOptions& options);

  // The next token. `recent` are the tokens so far, the latest last; only the window at its end matters.
  // Takes one number from the generator, or none at temperature 0. Fails where a logit is not finite. Logits
  // are not empty.
  Expected<uint32_t> sample(std::span<const float> logits, std::span<const uint32_t> recent);

 private:
  struct Candidate {
    uint32_t token;
    double logit;
    double weight;  // in proportion to its probability, at whatever temperature
  };

  explicit Sampler(const SamplerOptions& options) : options_(options), numbers_(options.seed) {}
  void penalise(std::span<const float> logits, std::span<const uint32_t> recent);
  void keep_top_k(std::span<const float> logits);
  void keep_top_p();
  void keep_min_p();
  uint32_t draw();
  double weigh(double temperature);
  static bool better(const Candidate& a, const Candidate& b);

  SamplerOptions options_;
  RandomNumbers numbers_;
  std::vector<Candidate> penalised_;   // the tokens of the window and their new logits, by token id
  std::vector<Candidate> candidates_;  // best first, or by token id while nothing has ranked them
};

}  // namespace tern::runtime
