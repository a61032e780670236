#include "autotune/search/hill_climb.h"

#include <algorithm>

#include "codegen/lower/lower.h"

namespace tern::autotune {

HillClimb::HillClimb(kernels::Candidate start, const targets::Target& target)
    : target_(target), now_(std::move(start)) {
  look_around();
}

void HillClimb::look_around() {
  tried_.insert(hash(now_.kernel));
  around_ = kernels::neighbours(now_, target_, true);
  std::erase_if(around_, [](const kernels::Candidate& candidate) {
    return !codegen::preparations(candidate.kernel).empty();
  });
  std::ranges::reverse(around_);
}

std::optional<kernels::Candidate> HillClimb::next() {
  while (!around_.empty()) {
    kernels::Candidate candidate = std::move(around_.back());
    around_.pop_back();
    if (tried_.insert(hash(candidate.kernel)).second) return candidate;
  }
  return std::nullopt;
}

void HillClimb::retry_later(kernels::Candidate candidate) {
  tried_.erase(hash(candidate.kernel));
  around_.insert(around_.begin(), std::move(candidate));
}

void HillClimb::move_to(kernels::Candidate better) {
  now_ = std::move(better);
  look_around();
}

std::optional<kernels::Candidate> candidate_of(const ir::Kernel& kernel, std::span<const Record> records,
                                               const targets::Target& target) {
  const uint64_t wanted = hash(kernel);
  const auto is_it = [&](const kernels::Candidate& candidate) { return hash(candidate.kernel) == wanted; };
  for (const Record& record : records) {
    if (hash(record.kernel) != wanted) continue;
    std::optional<kernels::Candidate> found = kernels::parse_candidate(record.recipe, kernel.problem, target);
    if (found && is_it(*found)) return found;
  }
  for (const auto make : {kernels::default_space, kernels::make_space}) {
    std::vector<kernels::Candidate> candidates = make(kernel.problem, target).candidates;
    const auto found = std::ranges::find_if(candidates, is_it);
    if (found != candidates.end()) return std::move(*found);
  }
  return std::nullopt;
}

}  // namespace tern::autotune
