// Each reason against a kernel on a target, and that there is none without it.
#include "targets/legal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"

namespace tern::targets {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ir::Kernel dot_kernel(int lanes, int zero_point = 1, bool widens = false) {
  const std::string compute = zero_point == 0 ? "zero point 0"
                              : widens ? "zero point 1, correct -sum_k A, partial i16, widen every k 16"
                                       : "zero point 1, correct -sum_k A";
  const Expected<ir::ParsedKernel> parsed =
      ir::parse_kernel(fmt::format("kernel @dot {{ problem matmul m=1 n={0} k=64 {{ A: f32[m,k] quantize i8 "
                                   "absmax per m W: trit[n,k] scale f32 "
                                   "per tensor C: f32[m,n] accumulate i32 }} layout {{ W: b2 [n/{0}, k/16, "
                                   "n%{0}, k%4, k%16/4] align 64 }} "
                                   "schedule {{ for k by 16 vector n by {0} }} compute dot W*A {{ {1} }} "
                                   "epilogue C = f32(acc) / sa[m] * sw }}",
                                   lanes, compute));
  EXPECT_TRUE(parsed) << parsed.error().text();
  for (const Error& error : ir::verify(parsed->kernel)) ADD_FAILURE() << error.text();
  return parsed->kernel;
}

ir::Kernel madd_kernel(int lanes) {
  const Expected<ir::ParsedKernel> parsed =
      ir::parse_kernel(fmt::format("kernel @madd {{ problem matmul m=1 n={0} k=64 {{ A: f32[m,k] W: f16[n,k] "
                                   "C: f32[m,n] accumulate f32 }} layout "
                                   "{{ W: f16 [n/{0}, k, n%{0}] align 64 }} schedule {{ for k by 1 vector n "
                                   "by {0} }} compute madd W*A epilogue C = "
                                   "acc }}",
                                   lanes));
  EXPECT_TRUE(parsed) << parsed.error().text();
  for (const Error& error : ir::verify(parsed->kernel)) ADD_FAILURE() << error.text();
  return parsed->kernel;
}

// Five trits a code; a lane is a byte.
ir::Kernel lookup_kernel(int lanes) {
  const Expected<ir::ParsedKernel> parsed = ir::parse_kernel(fmt::format(
      "kernel @lookup {{ problem matmul m=1 n={0} k=30 {{ A: f32[m,k] quantize i8 absmax per m W: "
      "trit[n,k] scale f32 per tensor C: f32[m,n] accumulate i32 }} layout {{ W: g5b8s [n/{0}, "
      "k/30, k%30/5, n%{2}/4, n%{0}/{1}, n%4, n%{1}/{2}, k%5] align 64 }} schedule {{ for k by 30 "
      "for k by 5 vector n by {0} }} compute lookup T by W {{ partial i8, widen every k 30 }} "
      "epilogue C = f32(acc) / sa[m] * sw }}",
      lanes, lanes / 2, lanes / 4));
  EXPECT_TRUE(parsed) << parsed.error().text();
  for (const Error& error : ir::verify(parsed->kernel)) ADD_FAILURE() << error.text();
  return parsed->kernel;
}

Target x86(FeatureSet features) {
  Target target;
  target.name = "test";
  target.architecture = Architecture::x86_64;
  target.features = with_implied(features);
  target.vector_bits = max_vector_bits(target.architecture, target.features);
  return target;
}

TEST(Legal, VectorsNoWiderThanTheTarget) {
  EXPECT_THAT(legality_errors(madd_kernel(8), x86({Feature::sse4_1})),
              ElementsAre("vectors of 256 bits are wider than the target's 128"));
  EXPECT_THAT(legality_errors(madd_kernel(16), x86({Feature::avx2})),
              ElementsAre("vectors of 512 bits are wider than the target's 256"));
  EXPECT_THAT(legality_errors(madd_kernel(4), x86({Feature::sse4_1})), IsEmpty());
  EXPECT_THAT(legality_errors(madd_kernel(3), x86({Feature::sse4_1})), IsEmpty())
      << "plain arithmetic comes in any width";
  EXPECT_THAT(legality_errors(madd_kernel(16), x86({Feature::avx512f})), IsEmpty());
}

TEST(Legal, WidthsThatX86Has) {
  EXPECT_THAT(legality_errors(dot_kernel(6), x86({Feature::avx2})),
              ElementsAre("x86 has no vectors of 192 bits"));
  EXPECT_THAT(
      legality_errors(dot_kernel(32), x86({Feature::avx512bw})),
      ElementsAre("vectors of 1024 bits are wider than the target's 512", "x86 has no vectors of 1024 bits"));
}

TEST(Legal, CodesTimesBytes) {
  EXPECT_THAT(legality_errors(dot_kernel(4), x86({})), IsEmpty());
  EXPECT_THAT(legality_errors(dot_kernel(8), x86({Feature::avx2})), IsEmpty());
  EXPECT_THAT(legality_errors(dot_kernel(16), x86({Feature::avx512bw})), IsEmpty());
  EXPECT_THAT(legality_errors(dot_kernel(16), x86({Feature::avx512f})),
              ElementsAre("dot on 512 bits needs avx512bw"));
  Target only_avx = x86({Feature::avx});
  only_avx.vector_bits = 256;
  EXPECT_THAT(legality_errors(dot_kernel(8), only_avx), ElementsAre("dot on 256 bits needs avx2"));
}

TEST(Legal, FourProductsAtOnce) {
  Target vnni = x86({Feature::avx512vnni});
  vnni.features.erase(Feature::avx512bw);
  EXPECT_THAT(legality_errors(dot_kernel(16), vnni), IsEmpty());
  EXPECT_THAT(legality_errors(dot_kernel(16, 1, true), vnni), ElementsAre("dot on 512 bits needs avx512bw"))
      << "partial sums in 16 bits do not use them";
  EXPECT_THAT(legality_errors(dot_kernel(8), x86({Feature::avxvnni})), IsEmpty());
}

TEST(Legal, SignedWeights) {
  EXPECT_THAT(legality_errors(dot_kernel(8, 0), x86({Feature::avxvnni})),
              ElementsAre("dot of signed weights on 256 bits needs avxvnniint8"));
  EXPECT_THAT(legality_errors(dot_kernel(8, 0), x86({Feature::avxvnniint8})), IsEmpty());
  EXPECT_THAT(legality_errors(dot_kernel(16, 0), x86({Feature::avx512vnni})),
              ElementsAre("x86 multiplies signed by signed bytes on 128 and 256 bits only"));
}

TEST(Legal, LookUps) {
  EXPECT_THAT(legality_errors(lookup_kernel(64), x86({Feature::avx512bw})), IsEmpty());
  EXPECT_THAT(legality_errors(lookup_kernel(64), x86({Feature::avx512f})),
              ElementsAre("looking sums up on 512 bits needs avx512bw"));
  EXPECT_THAT(legality_errors(lookup_kernel(32), x86({Feature::avx2})), IsEmpty());
  EXPECT_THAT(legality_errors(lookup_kernel(64), x86({Feature::avx2})),
              ElementsAre("vectors of 512 bits are wider than the target's 256",
                          "looking sums up on 512 bits needs avx512bw"));
}

TEST(Legal, InstructionsOfTilesNeedFeaturesThatExist) {
  for (const ir::TileInstructionInfo& instruction : ir::tile_instructions)
    EXPECT_TRUE(instruction.feature.empty() || find_feature(instruction.feature)) << instruction.name;
}

TEST(Legal, PortableCodeTakesEverything) {
  Target generic;
  generic.vector_bits = 128;
  for (const int lanes : {2, 3, 6, 8, 32, 100}) {
    EXPECT_THAT(legality_errors(dot_kernel(lanes, 0), generic), IsEmpty());
    EXPECT_THAT(legality_errors(dot_kernel(lanes, 1, true), generic), IsEmpty());
    EXPECT_THAT(legality_errors(madd_kernel(lanes), generic), IsEmpty());
  }
}

Target arm(FeatureSet features, int vector_bits) {
  Target target;
  target.name = "test";
  target.architecture = Architecture::aarch64;
  target.features = with_implied(features);
  target.vector_bits = vector_bits;
  return target;
}

TEST(Legal, ArmIsBoundByItsVectorsOnly) {
  for (const Target& target : {arm({Feature::neon}, 128), arm({Feature::i8mm}, 128)}) {
    EXPECT_THAT(legality_errors(dot_kernel(4, 0), target), IsEmpty());
    EXPECT_THAT(legality_errors(dot_kernel(2), target), IsEmpty());
    EXPECT_THAT(legality_errors(dot_kernel(4, 1, true), target), IsEmpty());
    EXPECT_THAT(legality_errors(dot_kernel(3), target), ElementsAre("test has no vectors of 96 bits"));
    EXPECT_THAT(legality_errors(madd_kernel(3), target), IsEmpty()) << "plain arithmetic comes in any width";
    EXPECT_THAT(legality_errors(dot_kernel(8, 0), target),
                ElementsAre("vectors of 256 bits are wider than the target's 128",
                            "test has no vectors of 256 bits"));
  }
}

TEST(Legal, SveHasVectorsOfItsOwnWidthAndNeons) {
  EXPECT_THAT(legality_errors(dot_kernel(8), arm({Feature::sve}, 256)), IsEmpty());
  EXPECT_THAT(legality_errors(dot_kernel(4), arm({Feature::sve}, 256)), IsEmpty());
  EXPECT_THAT(legality_errors(dot_kernel(16), arm({Feature::sve}, 512)), IsEmpty());
  EXPECT_THAT(legality_errors(dot_kernel(8), arm({Feature::sve}, 512)),
              ElementsAre("test has no vectors of 256 bits"));
}

}  // namespace
}  // namespace tern::targets
