// Are the proofs and the differential tests sharp enough? One number of a generated program is changed, be it
// an offset, a stride, a trip count, a mask, a shift, a value of a table or a register's index: verify must
// refuse the program, or its results must differ from the reference. What may change without either is listed
// in `is_harmless`.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "kernels/whole_rows.h"
#include "tests/support/matmul_case.h"
#include "tests/support/random_kernel.h"
#include "tests/support/runnable_targets.h"

namespace tern::autotune {
namespace {

using testing::Random;

enum class Part { trips, immediate, constant, factor, table };

// One number of a program.
struct Place {
  Part part;
  ir::Instruction* instruction;  // null for trips and tables
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
    const ir::OpInfo& op = info(instruction.op);
    if (op.has_immediate) places.push_back({Part::immediate, &instruction, nullptr, &instruction.immediate});
    if (op.has_address) find_affine(instruction.address, instruction, places);
    if (op.has_result) find_affine(instruction.result.index, instruction, places);
    for (ir::RegisterUse& operand : instruction.operands) find_affine(operand.index, instruction, places);
  }
}

// Values of tables, but for those of codes that stand for no trits, or for zeros where weights are signs.
void find_table_values(const ir::Kernel& kernel, ir::Program& program, std::vector<Place>& places) {
  const ir::PackingInfo& packing = info(kernel.weights.packing);
  std::set<int> codes;
  int runs = 1;
  for (int i = 0; i < packing.weights_per_code; ++i) runs *= 3;
  for (int run = 0; run < runs; ++run) {
    std::vector<int8_t> trits;
    for (int i = 0, rest = run; i < packing.weights_per_code; ++i, rest /= 3)
      trits.push_back(static_cast<int8_t>(rest % 3 - 1));
    const bool zeros = std::ranges::count(trits, 0) != 0;
    const bool signs = kernel.problem.w.element == ir::Element::sign || !packing.holds.trits;
    if (!zeros || !signs) codes.insert(code_of_trits(packing.packing, trits));
  }
  for (ir::Table& table : program.tables) {
    const ir::Unpacking* unpacking = unpacking_of(kernel.compute);
    const bool of_codes = unpacking && unpacking->unpack == ir::Unpack::table;
    for (size_t i = 0; i < table.values.size(); ++i) {
      if (!of_codes || codes.count(static_cast<int>(i)) == 1)
        places.push_back({Part::table, nullptr, nullptr, &table.values[i]});
    }
  }
}

// Bits of an index that a look-up does not see: those above the largest table's.
bool is_above_indices(const ir::Program& program, int64_t changed_bits) {
  int entries = 1;
  for (const ir::RegisterArray& array : program.registers) {
    if (array.name.find("table") != std::string::npos) entries = std::max(entries, array.type.lanes);
  }
  return entries > 1 && (changed_bits & (entries - 1)) == 0;
}

// The most bits that a shift drops from a sum.
int64_t largest_sum_shift(const ir::Body& body, const ir::Program& program) {
  int64_t largest = 0;
  for (const ir::Statement& statement : body) {
    if (const ir::Loop* loop = std::get_if<ir::Loop>(&statement)) {
      largest = std::max(largest, largest_sum_shift(loop->body, program));
      continue;
    }
    const ir::Instruction& instruction = std::get<ir::Instruction>(statement);
    if (instruction.op == ir::Op::shift_right &&
        program.registers[instruction.result.array].type.element != ir::Element::u8)
      largest = std::max(largest, instruction.immediate);
  }
  return largest;
}

// The variable of the loop whose trips lie there; empty if there is none.
std::string variable_of(const ir::Body& body, const int64_t* trips, const ir::Program& program) {
  for (const ir::Statement& statement : body) {
    const ir::Loop* loop = std::get_if<ir::Loop>(&statement);
    if (!loop) continue;
    if (&loop->trips == trips) return program.variables[static_cast<size_t>(loop->variable)];
    if (const std::string inner = variable_of(loop->body, trips, program); !inner.empty()) return inner;
  }
  return {};
}

// Whether element `index` of a register array holds the constant 0 where `reader` runs: the last instruction
// of its body before it that writes the element is `constant 0`.
bool holds_zero(const ir::Body& body, const ir::Instruction* reader, int array, int64_t index) {
  bool zero = false;
  for (const ir::Statement& statement : body) {
    if (const ir::Loop* loop = std::get_if<ir::Loop>(&statement)) {
      if (holds_zero(loop->body, reader, array, index)) return true;
      zero = false;  // it may have written it
      continue;
    }
    const ir::Instruction& instruction = std::get<ir::Instruction>(statement);
    if (&instruction == reader) return zero;
    if (info(instruction.op).has_result && instruction.result.array == array &&
        instruction.result.index.constant == index)
      zero = instruction.op == ir::Op::constant && instruction.immediate == 0;
  }
  return false;
}

// What a change may do without being seen, and why.
bool is_harmless(const ir::Program& program, const Place& place, int64_t before,
                 const std::vector<int64_t>& trips) {
  // Look-ups by dot4: of what is added to a code for its byte's table, the bits of the code are not seen.
  if (place.part == Part::table) {
    const ir::Table& table = program.tables.back();
    return table.name == "lanes" && (before ^ *place.number) < table.values[1] &&
           place.number >= table.values.data() && place.number < table.values.data() + table.values.size();
  }
  // A loop of one iteration that runs again: its weights do not depend on it, and what it computes lies past
  // the outputs, in the part of C that is scratch.
  if (place.part == Part::trips && before == 1 && *place.number > before) return true;
  // A loop over inputs that goes on: it multiplies weights of other outputs with the zeros past a row of A.
  if (place.part == Part::trips)
    return *place.number > before && variable_of(program.body, place.number, program).starts_with('k');
  const ir::Instruction& instruction = *place.instruction;
  // A prefetch has no effect but on time.
  if (is_prefetch(instruction.op)) return true;
  const bool masks = instruction.op == ir::Op::bit_and || instruction.op == ir::Op::bit_select;
  if (masks && place.part == Part::immediate && is_above_indices(program, before ^ *place.number))
    return true;
  // Sums of fields with fields_per_shift > 1 are multiples of 4^height: a final shift drops lower bits.
  if (instruction.op == ir::Op::constant && before == 0 && *place.number > 0 &&
      *place.number >> largest_sum_shift(program.body, program) == 0)
    return true;
  // The bound of dot4 is a promise: verify refuses one that is too small, and any other is as true.
  if (instruction.op == ir::Op::dot4 && place.part == Part::immediate) return true;
  // Rows are scaled so that nothing is further from 0 than the bound.
  if (instruction.op == ir::Op::round_clamp && place.part == Part::immediate && *place.number > before)
    return true;
  // One sum that has just been set to 0 is as good as another.
  for (const ir::RegisterUse& operand : instruction.operands) {
    if (&operand.index.constant == place.number && operand.index.terms.empty() &&
        holds_zero(program.body, place.instruction, operand.array, before) &&
        holds_zero(program.body, place.instruction, operand.array, *place.number))
      return true;
  }
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

void mutate(const ir::Kernel& kernel, Random& random, Tally& tally, int rounds = 25, size_t draws = 4) {
  ++tally.programs;
  std::vector<ir::MatmulInputs> inputs;
  std::vector<std::vector<float>> expected;
  while (inputs.size() < draws) {
    ir::MatmulInputs drawn = testing::random_inputs(kernel.problem, random.engine());
    const std::vector<int8_t>& trits = drawn.trits;
    const bool all_equal =
        std::adjacent_find(trits.begin(), trits.end(), std::not_equal_to<>()) == trits.end();
    if (!trits.empty() && all_equal) continue;  // any weight is as good as any other
    // What rows are no larger than shows in rows of zeros.
    if (kernel.quantizes_rows && inputs.empty()) drawn.weight_scale = 0;
    expected.push_back(testing::expected_result(kernel, drawn));
    inputs.push_back(std::move(drawn));
  }
  ir::Program program = codegen::lower(kernel);
  std::vector<int64_t> trips(program.variables.size());
  collect_trips(program.body, trips);
  std::vector<Place> places;
  find_places(program.body, places);
  std::vector<Place> values;
  find_table_values(kernel, program, values);
  for (int round = 0; round < rounds; ++round) {
    const bool of_table = !values.empty() && random.pick(0, 4) == 0;
    const Place place = random.choose(of_table ? values : places);
    const int64_t before = *place.number;
    const std::vector<int64_t> others = {before + 1, before - 1, before * 2, before / 2,
                                         before + random.pick(2, 40)};
    *place.number = random.choose(others);
    if (*place.number != before && !is_caught(kernel, program, inputs, expected, tally)) {
      ++tally.harmless;
      EXPECT_TRUE(is_harmless(program, place, before, trips))
          << before << " became " << *place.number << " unnoticed in `"
          << (place.instruction ? print(program, *place.instruction) : "a loop or a table") << "` of\n"
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

// A problem that the recipe's kernel covers without padding, of moderate size.
std::optional<ir::Kernel> kernel_without_padding(const kernels::Recipe& recipe, ir::Element weight,
                                                 const targets::Target& target) {
  for (int64_t k = 384; k <= 1920; k += 4) {
    for (const int64_t n : {32, 64, 128}) {
      const ir::TileCompute* tile = std::get_if<ir::TileCompute>(&recipe.compute);
      const int64_t m = tile ? std::max(info(tile->instruction).rows, 2) : 2;
      const ir::Kernel kernel =
          kernels::make_kernel(recipe, ir::matmul(m, n, k, ir::weights_of(weight)), target);
      if (!has_padding(kernel) && (!tile || panel_shape(kernel).inputs == k)) return kernel;
    }
  }
  return std::nullopt;
}

TEST(Mutation, OfProgramsOfEveryRecipeIsCaught) {
  Random random(3);
  Tally tally;
  const targets::Target target = testing::listed_target("generic");
  for (const ir::Element weight : {ir::Element::trit, ir::Element::sign}) {
    for (const kernels::Recipe& recipe : kernels::recipes(weight)) {
      const std::optional<ir::Kernel> kernel = kernel_without_padding(recipe, weight, target);
      ASSERT_TRUE(kernel) << print(recipe);
      mutate(*kernel, random, tally, 40, 2);
    }
  }
  EXPECT_GE(tally.programs, 50);
  EXPECT_GT(tally.refused, 100);
  EXPECT_GT(tally.different, 100);
}

// With many draws: which column holds a row's largest value is chance.
TEST(Mutation, OfProgramsThatQuantizeRowsIsCaught) {
  Random random(4);
  Tally tally;
  const targets::Target target = testing::listed_target("generic");
  for (const kernels::Recipe& recipe : kernels::recipes(ir::Element::trit)) {
    const ir::Unpacking* unpacking = unpacking_of(recipe.compute);
    if (unpacking && unpacking->unpack != ir::Unpack::fields) continue;  // ends like the others
    const std::optional<ir::Kernel> kernel = kernel_without_padding(recipe, ir::Element::trit, target);
    ASSERT_TRUE(kernel) << print(recipe);
    mutate(kernels::with_quantized_rows(*kernel), random, tally, 40, 8);
  }
  EXPECT_GE(tally.programs, 15);
  EXPECT_GT(tally.refused, 100);
  EXPECT_GT(tally.different, 100);
}

TEST(Mutation, OfProgramsOfDefaultKernelsIsCaught) {
  Random random(2);
  Tally tally;
  for (const std::string& name : targets::target_names()) {
    const targets::Target target = testing::listed_target(name);
    for (const int64_t m : {1, 20}) {
      const ir::Problem problem = ir::matmul(m, 128, 256, {ir::Element::trit, ir::Scaling::tensor});
      const ir::Kernel kernel = kernels::default_kernel(problem, target);
      if (!has_padding(kernel)) mutate(kernel, random, tally);
    }
  }
  EXPECT_GE(tally.programs, 10);
  EXPECT_GT(tally.refused, 50);
  EXPECT_GT(tally.different, 50);
}

}  // namespace
}  // namespace tern::autotune
