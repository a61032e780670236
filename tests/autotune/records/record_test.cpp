#include "autotune/records/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "codegen/jit/compile.h"

namespace tern::autotune {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Provenance, OfThisMachineHasWhatItsProbesFound) {
  const Expected<targets::Host>& host = targets::detect_host();
  ASSERT_TRUE(host) << host.error().text();
  const Provenance here = provenance_of(*host);
  EXPECT_EQ(here.cpu, text(host->fingerprint));
  EXPECT_EQ(here.features.size(), static_cast<size_t>(host->target.features.size()));
  EXPECT_TRUE(std::ranges::is_sorted(here.features));
  EXPECT_EQ(here.caches, host->target.caches);
  EXPECT_EQ(here.llvm, codegen::llvm_version());
  EXPECT_EQ(here.generator, codegen::generator_version);
}

TEST(Provenance, OfATargetIsNobodyElses) {
  const Provenance zen4 = provenance_of(targets::load_target("zen4").take());
  EXPECT_EQ(zen4.cpu, "target/zen4");
  EXPECT_NE(zen4, provenance_of(targets::load_target("zen5").take()));
}

TEST(Provenance, DifferencesAreSaidOnlyWhereTheyAre) {
  const Provenance zen4 = provenance_of(targets::load_target("zen4").take());
  EXPECT_THAT(differences(zen4, zen4), IsEmpty());
  Provenance other = zen4;
  std::erase(other.features, "avx512vbmi");
  other.vector_bits = 256;
  EXPECT_THAT(differences(zen4, other),
              ElementsAre("features: the records have avx512vbmi, this machine does not",
                          "vectors in bits: the records have 512, this machine has 256"));
  EXPECT_THAT(differences(other, zen4),
              ElementsAre("features: this machine has avx512vbmi, the records do not",
                          "vectors in bits: the records have 256, this machine has 512"));
}

}  // namespace
}  // namespace tern::autotune
