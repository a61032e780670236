// `tern bench -s`: products of one matrix shape over numbers of rows.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "command.h"
#include "tools/bench/shape_bench_text.h"
#include "tools/bench/weights_option.h"

namespace tern::tools {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class ShapeBenchTest : public CommandTest {};

TEST_F(ShapeBenchTest, TimesWeightsInTurnForEachNumberOfRows) {
  const Outcome bench =
      run("bench -s 96x256 --rows 1,5 --weights b2,b2:g128,b2:i2:g64 -t 1 --rounds 3 -o json");
  ASSERT_EQ(bench.exit_code, 0) << bench.errors;
  const nlohmann::json all = nlohmann::json::parse(bench.output);
  ASSERT_EQ(all.size(), 6u);
  const auto at = [&](size_t i, const char* key) { return all[i].at(key).get<double>(); };
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(at(i, "rows"), i < 3 ? 1 : 5);
    EXPECT_EQ(at(i, "n"), 96);
    EXPECT_EQ(at(i, "k"), 256);
    EXPECT_EQ(at(i, "rounds"), 3);
    EXPECT_GT(at(i, "seconds"), 0);
    EXPECT_GT(at(i, "cache_seconds"), 0);
    EXPECT_NEAR(at(i, "products_per_second") * at(i, "seconds"), 96 * 256 * at(i, "rows"), 1);
    EXPECT_NEAR(at(i, "bandwidth_fraction") * at(i, "bandwidth_bytes_per_second") * at(i, "seconds"),
                at(i, "packed_bytes"), 1);
    EXPECT_EQ(all[i].at("weights"), std::vector({"b2", "b2:g128", "b2:i2:g64"})[i % 3]);
  }
  // The ratio of the first weights to themselves.
  EXPECT_EQ(at(0, "ratio"), 1);
  EXPECT_EQ(at(3, "cache_ratio"), 1);
  // An f16 scale for each group of inputs of each output.
  EXPECT_GE(at(1, "packed_bytes"), at(0, "packed_bytes") + 96 * 256 / 128 * 2);
  EXPECT_GE(at(2, "packed_bytes"), at(0, "packed_bytes") + 96 * 256 / 64 * 2);
}

TEST_F(ShapeBenchTest, ShowsATableForEachShapeAndNumberOfThreads) {
  const Outcome bench = run("bench -s 96x256,64x512 --rows 2 -t 1,2 --rounds 3");
  ASSERT_EQ(bench.exit_code, 0) << bench.errors;
  for (const char* heading :
       {"96 x 256, 1 thread,", "64 x 512, 1 thread,", "96 x 256, 2 threads,", "64 x 512, 2 threads,"})
    EXPECT_THAT(bench.output, HasSubstr(heading));
  EXPECT_THAT(bench.output, ContainsRegex("\\| +2 \\| tuned +\\| [a-z0-9]+ dot"));
  const Outcome lines = run("bench -s 96x256 --rows 2 --weights 'b2 dot',b1 -t 1 --rounds 3 -o csv");
  EXPECT_THAT(lines.output, HasSubstr("\n96,256,2,1,b2 dot,b2 dot,"));
  EXPECT_THAT(lines.output, HasSubstr("\n96,256,2,1,b1,b1 "));
}

TEST_F(ShapeBenchTest, WrongArguments) {
  const auto refused = [&](const std::string& arguments, const std::string& message, int exit_code = 2) {
    const Outcome outcome = run("bench " + arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << arguments;
    EXPECT_THAT(outcome.errors, HasSubstr(message)) << arguments;
  };
  refused("-s 96", "-s: '96' is no shape");
  refused("-s 96x256 --rows 0", "--rows: numbers of rows must be between 1 and 4096");
  refused("-s 96x256 --weights b17", "--weights: 'b17' is neither a packing nor a recipe");
  refused("-s 96x256 --weights b2:g", "--weights: 'b2:g' is not KERNEL[:ELEMENT][:gGROUP]");
  refused("-s 96x256 --weights b2:g64:i2", "is not KERNEL[:ELEMENT][:gGROUP]");
  refused("-s 96x256 --weights b1:i2", "--weights: 'b1' does not hold weights of type i2");
  refused("-s 96x256 --weights f16:g32", "weights of type f16 have no scales");
  // No step of inputs is as small as two.
  refused("-s 96x256 --rows 1 -t 1 --weights b2:g2", "'b2:g2' is not possible for 96 x 256 and 1 row", 1);
  refused("-s 96x256 -m model.gguf", "--model excludes --shape");
  refused("--rows 4", "--rows requires --shape");
  refused("-s 96x256 --rounds 2", "--rounds");
}

TEST(BenchWeights, AnItemNamesAKernelAnElementAndAGroup) {
  const auto all = parse_bench_weights({"tuned", "b1", "g3b5 dot table", "b2:i2:g32", "i4", "i8:g64"});
  ASSERT_TRUE(all) << all.error().text();
  using ir::Element;
  using ir::Scaling;
  const ir::Operand expected[] = {
      {Element::trit, Scaling::tensor},  {Element::sign, Scaling::tensor},
      {Element::trit, Scaling::tensor},  {Element::i2, Scaling::group, 32, Element::f16},
      {Element::i4, Scaling::group, 32}, {Element::i8, Scaling::group, 64}};
  for (size_t i = 0; i < all->size(); ++i) EXPECT_EQ((*all)[i].w, expected[i]) << (*all)[i].text;
  EXPECT_EQ((*all)[2].kernel, "g3b5 dot table");
}

}  // namespace
}  // namespace tern::tools
