// Which candidate next, where one after another is tried while a model runs.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "autotune/records/record.h"
#include "kernels/space.h"

namespace tern::autotune {

// From a kernel to the neighbours that can take its place without packing anew, and on from the first that is
// better, until none is left that was not tried.
class HillClimb {
 public:
  HillClimb(kernels::Candidate start, const targets::Target& target);

  const kernels::Candidate& now() const { return now_; }
  // Kernels, by their hashes, that are not to be tried.
  void leave_out(std::span<const uint64_t> kernels) { tried_.insert(kernels.begin(), kernels.end()); }

  // The next to be tried; nothing at the top of the hill. Never one that needs preparations, since the engine
  // runs none for a candidate.
  std::optional<kernels::Candidate> next();
  // That candidate is to be tried another time, after all others.
  void retry_later(kernels::Candidate candidate);
  // That candidate is where it goes on from.
  void move_to(kernels::Candidate better);

 private:
  void look_around();

  const targets::Target& target_;
  kernels::Candidate now_;
  std::vector<kernels::Candidate> around_;  // the next at the end
  std::set<uint64_t> tried_;
};

// The recipe and the knobs of a kernel: of the record of it, or else of the whole space. Nothing if it is in
// neither, say because a person wrote it.
std::optional<kernels::Candidate> candidate_of(const ir::Kernel& kernel, std::span<const Record> records,
                                               const targets::Target& target);

}  // namespace tern::autotune
