#include "targets/feature.h"

#include <gtest/gtest.h>

#include <set>

namespace tern::targets {
namespace {

using enum Feature;

TEST(FeatureSet, IsASet) {
  FeatureSet set = {fma, avx2, fma};
  EXPECT_EQ(set.size(), 2);
  EXPECT_TRUE(set.contains(avx2));
  EXPECT_FALSE(set.contains(avx));
  EXPECT_TRUE(set.contains(FeatureSet{fma}));
  EXPECT_FALSE(set.contains(FeatureSet{fma, avx}));
  EXPECT_EQ(set | FeatureSet{v}, (FeatureSet{avx2, fma, v}));
  EXPECT_EQ(set & FeatureSet({avx2, v}), FeatureSet{avx2});
  EXPECT_EQ(set - FeatureSet({avx2, v}), FeatureSet{fma});
  set.erase(fma);
  set.erase(avx2);
  EXPECT_TRUE(set.empty());
}

TEST(FeatureSet, IteratesInTheOrderOfTheTable) {
  const FeatureSet set = {v, sse2, neon};
  EXPECT_EQ(std::vector<Feature>(set.begin(), set.end()), (std::vector<Feature>{sse2, neon, v}));
}

TEST(FeatureSet, Prints) {
  EXPECT_EQ(text(FeatureSet{}), "");
  EXPECT_EQ(text(FeatureSet{f16c, avx2, sse4_1}), "sse4.1 avx2 f16c");
  EXPECT_EQ(llvm_attributes(FeatureSet{}), "");
  EXPECT_EQ(llvm_attributes(FeatureSet{avx2, amx_int8}), "+avx2,+amx-int8");
  EXPECT_EQ(llvm_attributes(FeatureSet{fp16}), "+fullfp16");
}

TEST(FeatureSet, ImpliesWholeChains) {
  EXPECT_EQ(text(with_implied(FeatureSet{avx512vbmi})),
            "sse2 ssse3 sse4.1 sse4.2 avx avx2 f16c fma avx512f avx512bw avx512vbmi");
  EXPECT_EQ(text(with_implied(FeatureSet{sve2})), "neon fp16 sve sve2");
  EXPECT_EQ(text(with_implied(FeatureSet{amx_bf16})), "amx-tile amx-bf16");
}

TEST(FeatureTable, NamesFindTheirRows) {
  std::set<std::string_view> names;
  for (const FeatureInfo& entry : feature_table()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(find_feature(entry.name), entry.feature);
    EXPECT_EQ(&info(entry.feature), &entry);
    EXPECT_FALSE(entry.llvm_attribute.empty());
  }
  EXPECT_EQ(find_feature("avx3"), std::nullopt);
}

TEST(Architecture, NamesFindTheirValues) {
  for (const Architecture architecture :
       {Architecture::any, Architecture::x86_64, Architecture::aarch64, Architecture::riscv64})
    EXPECT_EQ(find_architecture(name(architecture)), architecture);
  EXPECT_EQ(find_architecture("vax"), std::nullopt);
}

}  // namespace
}  // namespace tern::targets
