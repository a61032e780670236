// Are the proofs and the differential tests sharp enough? One number of a generated program is changed, be it
// an offset, a stride, a trip count, a mask, a shift or a register's index: verify must refuse the program,
// or its results must differ from the reference. What may change without either is listed in `is_harmless`.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "autotune/default_kernel.h"
#include "ir/verify.h"
#include "tests/support/matmul_case.h"
#include "tests/support/random_kernel.h"
#include "tests/support/runnable_targets.h"

namespace tern::autotune {
namespace {

using testing::Random;

enum class Part { trips, immediate, constant, factor };

// One number of a program.
struct Place {
  Part part;
  ir::Instruction* instruction;  // null for trips
  ir::Affine* affine;            // of a constant or factor
  int64_t* number;
};

void find_affine(ir::Affine& affine, ir::Instruction& instruction, std::vector<Place>& places) {
  places.push_back({Part::constant, &instruction, &affine, &affine.constant});
  for (ir::Affine::Term& term : affine.terms)
    places.push_back({Part::factor, &instruction, &affine, &term.factor});
}

void find_places(ir::Body& body, std::vector<Place>& places) {
  for (ir::Statement& statement : body) {
    if (ir::Loop* loop = std::get_if<ir::Loop>(&statement)) {
      places.push_back({Part::trips, nullptr, nullptr, &loop->trips});
      find_places(loop->body, places);
      continue;
    }
    ir::Instruction& instruction = std::get<ir::Instruction>(statement);
    const ir::OpRow& op = row(instruction.op);
    if (op.has_immediate) places.push_back({Part::immediate, &instruction, nullptr, &instruction.immediate});
    if (op.has_address) find_affine(instruction.address, instruction, places);
    if (op.has_result) find_affine(instruction.result.index, instruction, places);
    for (ir::RegisterUse& operand : instruction.operands) find_affine(operand.index, instruction, places);
  }
}

// What a change may do without being seen, and why.
bool is_harmless(const Place& place, int64_t before, const std::vector<int64_t>& trips) {
  // A loop of one iteration that runs again: its weights do not depend on it, and what it computes lies past
  // the outputs, in the part of C that is scratch.
  if (place.part == Part::trips) return before == 1 && *place.number > before;
  const ir::Instruction& instruction = *place.instruction;
  // A prefetch has no effect but on time.
  if (instruction.op == ir::Op::prefetch) return true;
  // The bound of dot4 is a promise: verify refuses one that is too small, and any other is as true.
  if (instruction.op == ir::Op::dot4 && place.part == Part::immediate) return true;
  // The variable of a loop of one iteration is always 0.
  if (place.part == Part::factor) {
    for (const ir::Affine::Term& term : place.affine->terms) {
      if (&term.factor == place.number) return trips[term.variable] == 1;
    }
  }
  return false;
}

void collect_trips(const ir::Body& body, std::vector<int64_t>& trips) {
  for (const ir::Statement& statement : body) {
    const ir::Loop* loop = std::get_if<ir::Loop>(&statement);
    if (!loop) continue;
    trips[loop->variable] = loop->trips;
    collect_trips(loop->body, trips);
  }
}

// Kernels without padding: what is computed beyond the matrix may be anything.
bool has_padding(const ir::Kernel& kernel) {
  const ir::Problem& problem = kernel.problem;
  const ir::LayoutMap map(kernel.weights, problem.n, problem.k);
  return map.padded_n() != problem.n || map.padded_k() != problem.k ||
         codegen::padded_rows(kernel) != problem.m;
}

struct Tally {
  int programs = 0, refused = 0, different = 0, harmless = 0;
};

bool is_caught(const ir::Kernel& kernel, const ir::Program& mutant,
               const std::vector<ir::MatmulInputs>& inputs, const std::vector<std::vector<float>>& expected,
               Tally& tally) {
  if (!ir::verify(mutant).empty()) return ++tally.refused;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!testing::same_bits(testing::run_interpreted(kernel, mutant, inputs[i]), expected[i]))
      return ++tally.different;
  }
  return false;
}

void mutate(const ir::Kernel& kernel, Random& random, Tally& tally) {
  ++tally.programs;
  std::vector<ir::MatmulInputs> inputs;
  std::vector<std::vector<float>> expected;
  while (inputs.size() < 4) {
    ir::MatmulInputs drawn = testing::random_inputs(kernel.problem, random.engine());
    const std::vector<int8_t>& trits = drawn.trits;
    const bool all_equal =
        std::adjacent_find(trits.begin(), trits.end(), std::not_equal_to<>()) == trits.end();
    if (!trits.empty() && all_equal) continue;  // any weight is as good as any other
    expected.push_back(ir::reference(kernel.problem, drawn, kernel.epilogue));
    inputs.push_back(std::move(drawn));
  }
  ir::Program program = codegen::lower(kernel);
  std::vector<int64_t> trips(program.variables.size());
  collect_trips(program.body, trips);
  std::vector<Place> places;
  find_places(program.body, places);
  for (int round = 0; round < 25; ++round) {
    const Place& place = random.choose(places);
    const int64_t before = *place.number;
    const std::vector<int64_t> others = {before + 1, before - 1, before * 2, before / 2,
                                         before + random.pick(2, 40)};
    *place.number = random.choose(others);
    if (*place.number != before && !is_caught(kernel, program, inputs, expected, tally)) {
      ++tally.harmless;
      EXPECT_TRUE(is_harmless(place, before, trips))
          << before << " became " << *place.number << " unnoticed in `"
          << (place.instruction ? print(program, *place.instruction) : "a loop") << "` of\n"
          << print(kernel) << print(program);
    }
    *place.number = before;
  }
}

TEST(Mutation, OfProgramsOfRandomKernelsIsCaught) {
  Random random(1);
  Tally tally;
  const targets::Target target = testing::listed_target("generic");
  while (tally.programs < 40) {
    const ir::Kernel kernel = testing::random_kernel(random, target);
    // In a matrix of a few weights a wrong one may be right by chance.
    if (!has_padding(kernel) && kernel.problem.n * kernel.problem.k >= 256) mutate(kernel, random, tally);
  }
  EXPECT_GT(tally.refused, 100);
  EXPECT_GT(tally.different, 100);
}

TEST(Mutation, OfProgramsOfDefaultKernelsIsCaught) {
  Random random(2);
  Tally tally;
  for (const std::string& name : targets::target_names()) {
    const targets::Target target = testing::listed_target(name);
    for (const int64_t m : {1, 20}) {
      const ir::Problem problem{m, 128, 256, ir::Element::trit, ir::Scaling::tensor, 0};
      const ir::Kernel kernel = default_kernel(problem, target);
      if (!has_padding(kernel)) mutate(kernel, random, tally);
    }
  }
  EXPECT_GE(tally.programs, 10);
  EXPECT_GT(tally.refused, 50);
  EXPECT_GT(tally.different, 50);
}

}  // namespace
}  // namespace tern::autotune
