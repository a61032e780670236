// Kernels and the programs that they are lowered to, as goldens to be read: tests/golden/NAME.kernel and
// NAME.program, with the program that builds its look-up tables in NAME_tables.program. To refresh the
// programs: TERN_UPDATE_GOLDEN=1 build/release/tests/codegen_test.
#include <gtest/gtest.h>

#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "tests/support/golden.h"

namespace tern::codegen {
namespace {

class GoldenProgram : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenProgram, IsWhatTheKernelIsLoweredTo) {
  const std::string file = GetParam() + ".kernel";
  const std::string text = testing::read_file(testing::golden_file(file));
  const Expected<ir::ParsedKernel> parsed = ir::parse_kernel(text, file);
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(print(parsed->kernel), text);
  for (const Error& error : ir::verify(parsed->kernel, parsed->locations)) ADD_FAILURE() << error.text();

  const ir::Program program = lower(parsed->kernel);
  for (const Error& error : ir::verify(program)) ADD_FAILURE() << error.text();
  testing::expect_golden(GetParam() + ".program", print(program));
  const Expected<ir::Program> reparsed = ir::parse_program(print(program));
  ASSERT_TRUE(reparsed) << reparsed.error().text();
  EXPECT_EQ(*reparsed, program);
  // A kernel has at most one preparation today; a second would need a name here.
  const std::vector<ir::Program> before = preparations(parsed->kernel);
  ASSERT_LE(before.size(), 1u);
  for (const ir::Program& preparation : before) {
    for (const Error& error : ir::verify(preparation)) ADD_FAILURE() << error.text();
    testing::expect_golden(GetParam() + "_tables.program", print(preparation));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, GoldenProgram,
                         ::testing::Values("dot_one_row", "dot_two_rows_widened", "dot_signed_bytes",
                                           "dot_quantized_rows", "dot_groups", "dot_sums", "lookup_bytes",
                                           "lookup_by_dot4", "lookup_half_table", "lookup_groups",
                                           "tile_dot4", "tile_mma_2x8x2", "tile_mma_16x64x16",
                                           "tile_mma_16x32x16", "addsub_widened", "addsub_groups",
                                           "tile_groups_of_both", "madd_f16_rows", "madd_i8_groups"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace tern::codegen
