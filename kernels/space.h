// The space that the tuner searches: every recipe with every sensible setting of its knobs, derived from the
// problem and the target alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/knobs.h"

namespace tern::kernels {

struct Candidate {
  Recipe recipe;
  Knobs knobs;
  ir::Kernel kernel;
};

std::string print(const Candidate& candidate);  // "b2 dot: lanes 16, ..."
// The candidate that print() gave the text of, for this problem; nothing if no recipe or no knobs are so
// called, or it is refused.
std::optional<Candidate> parse_candidate(std::string_view text, const ir::Problem& problem,
                                         const targets::Target& target);

// What the CPU cannot run, or what cannot be right, and why.
struct Refusal {
  Recipe recipe;
  Knobs knobs;
  std::string reason;
};

struct Space {
  std::vector<Candidate> candidates;  // distinct kernels
  std::vector<Refusal> refused;
};

// The values that a knob may take, ascending.
struct KnobValues {
  std::vector<int64_t> lanes, block_vectors, block_inputs, tile_rows, tile_vectors, unrolled_inputs,
      panel_rows, rows_outside, prefetch_bytes;
};
KnobValues knob_values(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target);

// All of them. What only lowering shows (a sum that may overflow) is not refused here but by compiling.
Space make_space(const ir::Problem& problem, const targets::Target& target);

// `count` candidates of the space, drawn at random: the same for the same seed. All if there are fewer.
std::vector<Candidate> sample_space(const ir::Problem& problem, const targets::Target& target, size_t count,
                                    uint64_t seed);

// Each recipe with its default knobs.
Space default_space(const ir::Problem& problem, const targets::Target& target);

// What one knob more or less makes of a candidate. With `keep_layout`, only candidates that can
// share its packed weights.
std::vector<Candidate> neighbours(const Candidate& candidate, const targets::Target& target,
                                  bool keep_layout);

// A candidate's recipe and knobs for another problem of the same weights; nothing if it is refused there.
std::optional<Candidate> transferred(const Candidate& candidate, const ir::Problem& problem,
                                     const targets::Target& target);

// Candidates for another number of rows that can share the packed weights of `candidate`, with knobs as by
// default otherwise.
std::vector<Candidate> sharing_layout(const Candidate& candidate, const ir::Problem& problem,
                                      const targets::Target& target);

bool same_layouts(const ir::Kernel& a, const ir::Kernel& b);
// Equal for two kernels exactly if same_layouts() is true of them.
std::string layout_key(const ir::Kernel& kernel);

}  // namespace tern::kernels
