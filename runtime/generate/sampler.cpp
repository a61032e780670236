#include "runtime/generate/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/counter_random.h"
#include "runtime/generate/logits.h"
#include "runtime/math/portable_math.h"

namespace tern::runtime {

uint64_t RandomNumbers::next() {
  return mix(state_ += split_mix_step);
}

double RandomNumbers::uniform() {
  return static_cast<double>(next() >> 11) * 0x1p-53;
}

Expected<Sampler> Sampler::make(const SamplerOptions& options) {
  const auto fault = [](std::string_view name, std::string_view range, float value) {
    return Error{fmt::format("{} must be {}, not {}", name, range, value), {}};
  };
  // Written so that a NaN fails as well.
  if (!(options.temperature >= 0 && std::isfinite(options.temperature))) {
    return fault("temperature", "0 or more", options.temperature);
  }
  if (!(options.top_p > 0 && options.top_p <= 1))
    return fault("top-p", "above 0 and at most 1", options.top_p);
  if (!(options.min_p >= 0 && options.min_p <= 1)) return fault("min-p", "from 0 to 1", options.min_p);
  if (!(options.repetition_penalty > 0 && std::isfinite(options.repetition_penalty))) {
    return fault("repetition penalty", "above 0", options.repetition_penalty);
  }
  return Sampler(options);
}

Expected<uint32_t> Sampler::sample(std::span<const float> logits, std::span<const uint32_t> recent) {
  assert(!logits.empty());
  if (!all_finite(logits)) return Error{"the model's logits are not all finite", {}};
  penalise(logits, recent);
  keep_top_k(logits);
  if (options_.temperature == 0) return candidates_.front().token;
  keep_top_p();
  keep_min_p();
  return draw();
}

bool Sampler::better(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

void Sampler::penalise(std::span<const float> logits, std::span<const uint32_t> recent) {
  penalised_.clear();
  if (options_.repetition_penalty == 1.0f) return;
  const double penalty = options_.repetition_penalty;
  for (const uint32_t token : recent.last(std::min<size_t>(options_.repetition_window, recent.size()))) {
    if (token >= logits.size()) continue;
    const double logit = logits[token];
    penalised_.push_back({token, logit > 0 ? logit / penalty : logit * penalty, 0});
  }
  std::ranges::sort(penalised_, {}, &Candidate::token);
  const auto repeated = std::ranges::unique(penalised_, {}, &Candidate::token);
  penalised_.erase(repeated.begin(), repeated.end());
}

// Keeps the best in a heap with the worst of them on top: most tokens are turned away by one comparison.
void Sampler::keep_top_k(std::span<const float> logits) {
  const size_t wanted = options_.temperature == 0 ? 1 : options_.top_k == 0 ? logits.size() : options_.top_k;
  const bool all = wanted >= logits.size();
  candidates_.clear();
  const auto offer = [&](const Candidate& candidate) {
    if (candidates_.size() == wanted) {
      if (!better(candidate, candidates_.front())) return;
      std::ranges::pop_heap(candidates_, better);
      candidates_.pop_back();
    }
    candidates_.push_back(candidate);
    if (!all) std::ranges::push_heap(candidates_, better);
  };
  auto penalised = penalised_.begin();
  for (uint32_t token = 0; token < logits.size(); ++token) {
    if (penalised != penalised_.end() && penalised->token == token) {
      offer(*penalised++);
    } else {
      offer({token, logits[token], 0});
    }
  }
  if (!all) std::ranges::sort_heap(candidates_, better);
}

// Sets every weight to exp((logit - largest logit) / temperature) and returns their sum.
double Sampler::weigh(double temperature) {
  const double largest = std::ranges::max_element(candidates_, {}, &Candidate::logit)->logit;
  double sum = 0;
  for (Candidate& candidate : candidates_) {
    sum += candidate.weight = portable_exp((candidate.logit - largest) / temperature);
  }
  return sum;
}

// Takes the best from a heap until they are enough: the rest need no order.
void Sampler::keep_top_p() {
  if (options_.top_p == 1.0f) return;
  const double wanted = weigh(1.0) * options_.top_p;
  const auto worse = [](const Candidate& a, const Candidate& b) { return better(b, a); };
  std::ranges::make_heap(candidates_, worse);
  auto taken = candidates_.end();
  double sum = 0;
  do {
    std::pop_heap(candidates_.begin(), taken, worse);
    sum += (--taken)->weight;
  } while (sum < wanted && taken != candidates_.begin());
  candidates_.erase(candidates_.begin(), taken);
  std::ranges::reverse(candidates_);
}

void Sampler::keep_min_p() {
  if (options_.min_p == 0.0f) return;
  weigh(1.0);  // the most probable weighs 1
  std::erase_if(candidates_, [&](const Candidate& candidate) { return candidate.weight < options_.min_p; });
}

uint32_t Sampler::draw() {
  const double target = numbers_.uniform() * weigh(options_.temperature);
  double sum = 0;
  uint32_t token = 0;
  for (const Candidate& candidate : candidates_) {
    if (candidate.weight == 0) continue;
    token = candidate.token;
    sum += candidate.weight;
    if (sum > target) break;  // never, where rounding made target the whole sum: then the last one it is
  }
  return token;
}

}  // namespace tern::runtime
