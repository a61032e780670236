#include "kernels/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>
#include <span>

#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/row_buckets.h"
#include "kernels/strategy_recipes.h"
#include "targets/legal.h"

namespace tern::kernels {
namespace {

// unit, 2 * unit, 4 * unit, ... up to `max`.
std::vector<int64_t> doubles(int64_t unit, int64_t max) {
  std::vector<int64_t> values;
  for (int64_t value = unit; value <= max; value *= 2) values.push_back(value);
  return values;
}

void insert(std::vector<int64_t>& values, int64_t value) {
  const auto place = std::ranges::lower_bound(values, value);
  if (place == values.end() || *place != value) values.insert(place, value);
}

std::vector<int64_t> row_tiles(const Recipe& recipe, int64_t rows) {
  if (rows == 1) return {1};
  std::vector<int64_t> tiles = recipes_of(recipe.strategy()).row_tiles(recipe);
  std::erase_if(tiles, [&](int64_t tile) { return tile > std::max<int64_t>(rows, tiles[0]); });
  return tiles;
}

SumRegisters sums_of(const Candidate& candidate, const targets::Target& target) {
  return recipes_of(candidate.recipe.strategy()).sum_registers(candidate.recipe, candidate.knobs, target);
}

std::string reason_against(const Candidate& candidate, const targets::Target& target) {
  const SumRegisters registers = sums_of(candidate, target);
  // Few sums spill nowhere: small targets would otherwise have no candidates at all.
  if (registers.needed > registers.available && candidate.knobs.tile_rows * candidate.knobs.tile_vectors != 1)
    return fmt::format("its sums need {} registers, and the CPU has {}", registers.needed,
                       registers.available);
  if (const std::vector<Error> errors = ir::verify(candidate.kernel); !errors.empty())
    return errors[0].message;
  if (const std::vector<std::string> reasons = targets::legality_errors(candidate.kernel, target);
      !reasons.empty())
    return reasons[0];
  return {};
}

// Rows share what is unpacked, so that few sums waste most of the work, where there are rows enough.
std::string waste_of(const Candidate& candidate, const targets::Target& target) {
  const SumRegisters registers = sums_of(candidate, target);
  if (candidate.kernel.problem.m < 16 || registers.needed >= registers.available / 3) return {};
  return fmt::format("its sums use {} of {} registers: rows could share more", registers.needed,
                     registers.available);
}

// Gathers candidates, each kernel once.
class Gatherer {
 public:
  Gatherer(const ir::Problem& problem, const targets::Target& target) : problem_(problem), target_(target) {}

  enum class Thrift : uint8_t { no, yes };
  void add(const Recipe& recipe, const Knobs& knobs, Thrift thrift = Thrift::no) {
    Candidate candidate{recipe, knobs, make_kernel(recipe, knobs, problem_)};
    if (!seen_.insert(hash(candidate.kernel)).second) return;
    std::string reason = reason_against(candidate, target_);
    if (reason.empty() && thrift == Thrift::yes) reason = waste_of(candidate, target_);
    if (reason.empty())
      space_.candidates.push_back(std::move(candidate));
    else
      space_.refused.push_back({recipe, knobs, std::move(reason)});
  }

  Space take() { return std::move(space_); }

 private:
  const ir::Problem& problem_;
  const targets::Target& target_;
  std::set<uint64_t> seen_;
  Space space_;
};

// The knobs and their values, for loops over all of them.
struct Knob {
  std::vector<int64_t> KnobValues::*values;
  int64_t (*get)(const Knobs& knobs);
  void (*set)(Knobs& knobs, int64_t value);
  bool in_layout;
};

template <auto field>
constexpr Knob knob(std::vector<int64_t> KnobValues::*values, bool in_layout = false) {
  return {values, [](const Knobs& knobs) { return static_cast<int64_t>(knobs.*field); },
          [](Knobs& knobs, int64_t value) {
            knobs.*field = static_cast<std::remove_reference_t<decltype(knobs.*field)>>(value);
          },
          in_layout};
}

constexpr Knob all_knobs[] = {
    knob<&Knobs::lanes>(&KnobValues::lanes, true),
    knob<&Knobs::block_vectors>(&KnobValues::block_vectors, true),
    knob<&Knobs::block_inputs>(&KnobValues::block_inputs),
    knob<&Knobs::tile_rows>(&KnobValues::tile_rows),
    knob<&Knobs::tile_vectors>(&KnobValues::tile_vectors),
    knob<&Knobs::unrolled_inputs>(&KnobValues::unrolled_inputs),
    knob<&Knobs::panel_rows>(&KnobValues::panel_rows),
    knob<&Knobs::rows_outside>(&KnobValues::rows_outside),
    knob<&Knobs::prefetch_bytes>(&KnobValues::prefetch_bytes),
};

void add_all(Gatherer& gatherer, const Recipe& recipe, Knobs knobs, const KnobValues& values,
             std::span<const Knob> left) {
  if (left.empty()) return gatherer.add(recipe, knobs, Gatherer::Thrift::yes);
  for (const int64_t value : values.*left[0].values) {
    left[0].set(knobs, value);
    add_all(gatherer, recipe, knobs, values, left.subspan(1));
  }
}

}  // namespace

std::string print(const Candidate& candidate) {
  return fmt::format("{}: {}", print(candidate.recipe), print(candidate.knobs));
}

std::optional<Candidate> parse_candidate(std::string_view text, const ir::Problem& problem,
                                         const targets::Target& target) {
  const size_t colon = text.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<Knobs> knobs = parse_knobs(text.substr(colon + 2));
  if (!knobs) return std::nullopt;
  for (const Recipe& recipe : recipes(problem)) {
    if (print(recipe) == text.substr(0, colon)) return transferred({recipe, *knobs, {}}, problem, target);
  }
  return std::nullopt;
}

KnobValues knob_values(const Recipe& recipe, const ir::Problem& problem, const targets::Target& target) {
  const Knobs usual = default_knobs(recipe, problem, target);
  const bool one_row = problem.m == 1;
  const StrategyRecipes& strategy = recipes_of(recipe.strategy());
  const bool panels = usual.panel_rows > 0;
  KnobValues values;

  values.lanes = {usual.lanes};
  // Half-wide vectors: some CPUs run wide ones at a lower clock, or take two halves for one.
  const bool widest = usual.lanes * 32 == 512 || usual.lanes * 32 == 256;
  if (widest && target.architecture == targets::Architecture::x86_64 && strategy.tries_half_vectors)
    insert(values.lanes, usual.lanes / 2);

  values.block_vectors = doubles(1, 16);
  insert(values.block_vectors, usual.block_vectors);
  values.tile_vectors = doubles(1, 8);
  insert(values.tile_vectors, 0);
  values.tile_rows = row_tiles(recipe, problem.m);
  insert(values.tile_rows, usual.tile_rows);

  const int64_t vector = vector_inputs(recipe);
  values.block_inputs = {usual.block_inputs};
  const bool fixed_inputs = problem.is_grouped() || strategy.has_fixed_inputs(recipe);
  if (!fixed_inputs) {
    insert(values.block_inputs, 2 * usual.block_inputs);
    if (usual.block_inputs / 2 % vector == 0) insert(values.block_inputs, usual.block_inputs / 2);
  }
  values.unrolled_inputs = panels ? doubles(64, 256) : doubles(vector, 2 * usual.block_inputs);
  insert(values.unrolled_inputs, usual.unrolled_inputs);

  values.panel_rows = {usual.panel_rows};
  if (panels && !one_row) values.panel_rows = {64, 128, 256, 512};
  values.rows_outside = {0};
  if (!one_row) values.rows_outside.push_back(1);
  // Without prefetching, the time of a kernel depends on the address of its code, so that times cannot be
  // compared.
  values.prefetch_bytes = {usual.prefetch_bytes};
  if (usual.prefetch_bytes > 0 && is_decode(problem.m) && !panels) {
    if (one_row) insert(values.prefetch_bytes, 2048);
    for (const int64_t distance : {4096, 8192, 16384}) insert(values.prefetch_bytes, distance);
  }
  return values;
}

Space make_space(const ir::Problem& problem, const targets::Target& target) {
  Gatherer gatherer(problem, target);
  for (const Recipe& recipe : recipes(problem)) {
    const Knobs usual = default_knobs(recipe, problem, target);
    gatherer.add(recipe, usual);
    // What the target cannot run at all has one reason, not a thousand.
    const ir::Kernel kernel = make_kernel(recipe, usual, problem);
    if (!ir::verify(kernel).empty() || !targets::legality_errors(kernel, target).empty()) continue;
    add_all(gatherer, recipe, usual, knob_values(recipe, problem, target), all_knobs);
  }
  return gatherer.take();
}

std::vector<Candidate> sample_space(const ir::Problem& problem, const targets::Target& target, size_t count,
                                    uint64_t seed) {
  std::vector<Candidate> candidates = make_space(problem, target).candidates;
  count = std::min(count, candidates.size());
  std::mt19937_64 random(seed);
  // Each candidate that is left may be next. std::shuffle differs between standard libraries.
  for (size_t i = 0; i < count; ++i)
    std::swap(candidates[i], candidates[i + random() % (candidates.size() - i)]);
  candidates.erase(candidates.begin() + static_cast<ptrdiff_t>(count), candidates.end());
  return candidates;
}

Space default_space(const ir::Problem& problem, const targets::Target& target) {
  Gatherer gatherer(problem, target);
  for (const Recipe& recipe : recipes(problem)) gatherer.add(recipe, default_knobs(recipe, problem, target));
  return gatherer.take();
}

std::vector<Candidate> neighbours(const Candidate& candidate, const targets::Target& target,
                                  bool keep_layout) {
  const ir::Problem& problem = candidate.kernel.problem;
  const KnobValues values = knob_values(candidate.recipe, problem, target);
  Gatherer gatherer(problem, target);
  for (const Knob& knob : all_knobs) {
    if (keep_layout && knob.in_layout) continue;
    const std::vector<int64_t>& list = values.*knob.values;
    const int64_t now = knob.get(candidate.knobs);
    const auto place = std::ranges::lower_bound(list, now);
    const auto add = [&](int64_t value) {
      Knobs changed = candidate.knobs;
      knob.set(changed, value);
      gatherer.add(candidate.recipe, changed);
    };
    if (place != list.begin()) add(*(place - 1));
    const auto after = place != list.end() && *place == now ? place + 1 : place;
    if (after != list.end()) add(*after);
  }
  std::vector<Candidate> found = gatherer.take().candidates;
  std::erase_if(found, [&](const Candidate& other) {
    return hash(other.kernel) == hash(candidate.kernel) ||
           (keep_layout && !same_layouts(other.kernel, candidate.kernel));
  });
  return found;
}

std::optional<Candidate> transferred(const Candidate& candidate, const ir::Problem& problem,
                                     const targets::Target& target) {
  Gatherer gatherer(problem, target);
  gatherer.add(candidate.recipe, candidate.knobs);
  Space space = gatherer.take();
  if (space.candidates.empty()) return std::nullopt;
  return std::move(space.candidates[0]);
}

std::vector<Candidate> sharing_layout(const Candidate& candidate, const ir::Problem& problem,
                                      const targets::Target& target) {
  Gatherer gatherer(problem, target);
  for (const Recipe& recipe : recipes(problem)) {
    if (recipe.packing != candidate.recipe.packing) continue;
    Knobs knobs = default_knobs(recipe, problem, target);
    for (const Knob& knob : all_knobs) {
      if (knob.in_layout) knob.set(knobs, knob.get(candidate.knobs));
    }
    for (const int64_t inputs : {knobs.block_inputs, candidate.knobs.block_inputs}) {
      knobs.block_inputs = inputs;
      // All of a wide block may be more sums than there are registers.
      for (const int64_t vectors : {knobs.tile_vectors, int64_t{1}}) {
        Knobs other = knobs;
        other.tile_vectors = vectors;
        gatherer.add(recipe, other);
      }
    }
  }
  std::vector<Candidate> found = gatherer.take().candidates;
  std::erase_if(found, [&](const Candidate& other) { return !same_layouts(other.kernel, candidate.kernel); });
  return found;
}

bool same_layouts(const ir::Kernel& a, const ir::Kernel& b) {
  return a.weights == b.weights && a.scales == b.scales;
}

std::string layout_key(const ir::Kernel& kernel) {
  return print(kernel.weights) + (kernel.scales ? print(*kernel.scales) : std::string());
}

}  // namespace tern::kernels
