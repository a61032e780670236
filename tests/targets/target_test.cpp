#include "targets/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/target_directory.h"

namespace tern::targets {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using testing::TargetDirectory;

// A made-up CPU, as a newcomer would write it.
const std::string imaginary = R"(description: An imaginary CPU
architecture: x86_64
llvm_cpu: x86-64-v3
features: [avx2, fma]
vector_bits: 256
cores: 8
caches:
  - {level: 1, size: 40 KiB, line: 64, shared_by: 1}
  - {level: 2, size: 1.25 MiB, line: 64, shared_by: 2}
memory_gigabytes_per_second: 51.2
sources:
  - imagination
)";

Error refusal(const std::string& yaml) {
  const Expected<Target> target = parse_target(yaml, "here.yaml");
  return target ? Error{"parsed"} : target.error();
}

// The imaginary CPU with one piece of its text replaced.
std::string with(const std::string& old, const std::string& replacement) {
  std::string yaml = imaginary;
  const size_t position = yaml.find(old);
  EXPECT_NE(position, std::string::npos) << old;
  return yaml.replace(position, old.size(), replacement);
}

TEST(Target, ReadsEveryFact) {
  const Expected<Target> target = parse_target(imaginary, "some/where/imaginary.yaml");
  ASSERT_TRUE(target) << target.error().text();
  EXPECT_EQ(target->name, "imaginary");
  EXPECT_EQ(target->description, "An imaginary CPU");
  EXPECT_EQ(target->architecture, Architecture::x86_64);
  EXPECT_EQ(target->llvm_triple, "x86_64-unknown-linux-gnu");
  EXPECT_EQ(target->llvm_cpu, "x86-64-v3");
  EXPECT_EQ(text(target->features), "sse2 ssse3 sse4.1 sse4.2 avx avx2 fma");
  EXPECT_EQ(target->vector_bits, 256);
  EXPECT_EQ(target->vector_registers, 16);
  EXPECT_EQ(target->cores, 8);
  EXPECT_EQ(target->memory_gigabytes_per_second, 51.2);
  ASSERT_NE(find_cache(*target, 2), nullptr);
  EXPECT_EQ(*find_cache(*target, 2), (Cache{2, 1310720, 64, 2}));
  EXPECT_EQ(find_cache(*target, 3), nullptr);
  EXPECT_EQ(target->sources, std::vector<std::string>{"imagination"});
}

TEST(Target, IsOneFileToAdd) {
  const TargetDirectory directory;
  const std::filesystem::path path = directory.write("imaginary.yaml", imaginary);
  EXPECT_THAT(target_names(), Contains("imaginary"));
  const Expected<Target> by_name = load_target("imaginary");
  const Expected<Target> by_path = load_target(path.string());
  ASSERT_TRUE(by_name) << by_name.error().text();
  ASSERT_TRUE(by_path) << by_path.error().text();
  EXPECT_EQ(*by_name, *by_path);
  EXPECT_EQ(by_name->cores, 8);
}

TEST(Target, TheUsersDirectoryComesFirst) {
  const TargetDirectory directory;
  directory.write("zen4.yaml", imaginary);
  const Expected<Target> target = load_target("zen4");
  ASSERT_TRUE(target) << target.error().text();
  EXPECT_EQ(target->description, "An imaginary CPU");
}

TEST(Target, EveryFileInTheTreeLoadsAndPrintsBackToItself) {
  EXPECT_THAT(target_names(),
              IsSupersetOf({"generic",        "x86-64-v2",   "x86-64-v3",   "alderlake",   "skylake-avx512",
                            "icelake-server", "zen3",        "zen4",        "zen5",        "sapphire-rapids",
                            "granite-rapids", "armv8-a",     "cortex-a53",  "cortex-a72",  "cortex-a76",
                            "neoverse-n1",    "neoverse-v1", "neoverse-n2", "neoverse-v2", "apple-m1",
                            "apple-m2",       "ampere1",     "rv64gcv"}));
  for (const std::string& name : target_names()) {
    const Expected<Target> target = load_target(name);
    ASSERT_TRUE(target) << target.error().text();
    EXPECT_EQ(target->name, name);
    const Expected<Target> again = parse_target(print(*target), name + ".yaml");
    ASSERT_TRUE(again) << again.error().text() << "\n" << print(*target);
    EXPECT_EQ(*again, *target) << print(*target);
  }
}

TEST(Target, GenericIsNoCpuInParticular) {
  const Expected<Target> target = load_target("generic");
  ASSERT_TRUE(target) << target.error().text();
  EXPECT_EQ(target->architecture, Architecture::any);
  EXPECT_EQ(target->llvm_triple, "");
  EXPECT_TRUE(target->features.empty());
  EXPECT_EQ(target->vector_bits, 128);
}

TEST(Target, PrintsWhatNeedsQuotes) {
  Target target = *load_target("zen4");
  target.description = "an: odd # \"text\", [of] 'many' \\ signs";
  target.sources = {"yes", "- a", "42", "caf\xc3\xa9"};
  target.memory_gigabytes_per_second = 0.1 + 0.2;
  const Expected<Target> again = parse_target(print(target), "zen4.yaml");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(*again, target);
}

TEST(Target, OtherArchitecturesNeedOnlyYaml) {
  const Expected<Target> arm = parse_target(
      "{description: a, architecture: aarch64, features: [i8mm, sve2], vector_bits: 128, sources: [a]}",
      "a.yaml");
  ASSERT_TRUE(arm) << arm.error().text();
  EXPECT_EQ(text(arm->features), "neon fp16 i8mm sve sve2");
  EXPECT_EQ(arm->llvm_triple, "aarch64-unknown-linux-gnu");
  EXPECT_EQ(arm->vector_registers, 32);
  const Expected<Target> riscv = parse_target(
      "{description: a, architecture: riscv64, llvm_triple: riscv64-linux-musl, features: [v], vector_bits: "
      "256, "
      "sources: [a]}",
      "a.yaml");
  ASSERT_TRUE(riscv) << riscv.error().text();
  EXPECT_EQ(riscv->llvm_triple, "riscv64-linux-musl");
  EXPECT_EQ(riscv->vector_bits, 256);
}

TEST(TargetRefusal, NamesThePlaceAndTheNearestName) {
  const Error feature = refusal(with("avx2, fma", "avx2, avx512vnii"));
  EXPECT_EQ(feature.text(), "here.yaml:4:18: unknown feature 'avx512vnii' (did you mean 'avx512vnni'?)");
  EXPECT_EQ(refusal(with("vector_bits", "vector_bit")).text(),
            "here.yaml:5:1: unknown key 'vector_bit' (did you mean 'vector_bits'?)");
  EXPECT_EQ(refusal(with("size: 40", "sise: 40")).text(),
            "here.yaml:8:16: unknown key 'sise' (did you mean 'size'?)");
  EXPECT_EQ(refusal(with("x86_64", "x86-64")).text(),
            "here.yaml:2:15: unknown architecture 'x86-64'; there are any, x86_64, aarch64, riscv64 (did you "
            "mean 'x86_64'?)");
  EXPECT_THAT(load_target("zen44").error().text(),
              HasSubstr("unknown target 'zen44' (did you mean 'zen4'?)"));
}

TEST(TargetRefusal, FactsThatContradictEachOther) {
  const auto expect = [](const std::string& old, const std::string& replacement, const std::string& message) {
    EXPECT_THAT(refusal(with(old, replacement)).text(), HasSubstr(message)) << replacement;
  };
  expect("avx2, fma", "avx2, neon",
         "4:18: 'neon' is a feature of aarch64, and this target's architecture is x86_64");
  expect("vector_bits: 256", "vector_bits: 512",
         "5:14: vector_bits is 512, but with these features x86_64 has at most 256");
  expect("vector_bits: 256", "vector_bits: 192", "power of two");
  expect("level: 2", "level: 1", "9:5: the level 1 cache must be further out");
  expect("1.25 MiB", "30 KiB", "9:5: the level 2 cache must be further out");
  expect("shared_by: 2", "shared_by: 16",
         "9:5: the level 2 cache is shared by 16 cores, but there are only 8");
  expect("llvm_cpu: x86-64-v3", "llvm_triple: aarch64-linux-gnu",
         "3:14: llvm_triple 'aarch64-linux-gnu' is not of");
}

TEST(TargetRefusal, ValuesOfTheWrongKind) {
  const auto expect = [](const std::string& old, const std::string& replacement, const std::string& message) {
    EXPECT_THAT(refusal(with(old, replacement)).text(), HasSubstr(message)) << replacement;
  };
  expect("cores: 8", "cores: 0", "6:8: cores must be a whole number from 1 to 65536, not '0'");
  expect("cores: 8", "cores: 8.5", "not '8.5'");
  expect("cores: 8", "cores: 99999999999999999999", "cores must be");
  expect("cores: 8", "cores:", "6:1: 'cores' has no value");
  expect("40 KiB", "40 KB", "8:22: size must be like '48 KiB'");
  expect("40 KiB", "nan", "size must be");
  expect("line: 64", "line: 60", "line must be a power of two");
  expect("x86-64-v3", "[a, b]", "3:11: llvm_cpu must be a single value");
  expect("51.2", "-1", "memory_gigabytes_per_second must be a number above 0, not '-1'");
  expect("51.2", "inf", "not 'inf'");
  expect("[avx2, fma]", "avx2", "4:11: features must be a list");
  expect("  - imagination", "  []", "sources must be a list");
  expect("cores: 8", "cores: 8\ncores: 9", "7:1: 'cores' is given twice");
  expect("vector_bits: 256\n", "", "a target lacks the key 'vector_bits'");
}

TEST(TargetRefusal, TextThatIsNoTarget) {
  EXPECT_THAT(refusal("").text(), HasSubstr("here.yaml: wants one YAML document"));
  EXPECT_THAT(refusal("# nothing\n").text(), HasSubstr("one YAML document"));
  EXPECT_THAT(refusal(imaginary + "...\n").text(), HasSubstr("one YAML document"));
  // yaml-cpp finds documents without end in it.
  EXPECT_NE(refusal(std::string(",es[a0s\0\0e0S\0\0\x80,loSn,l", 22)).message, "parsed");
  EXPECT_THAT(refusal("a: [").text(), HasSubstr("here.yaml:1:"));
  EXPECT_THAT(refusal("- 1").text(), HasSubstr("must be a mapping"));
  EXPECT_THAT(refusal(imaginary + "---\n" + imaginary).text(), HasSubstr("one YAML document"));
  EXPECT_THAT(refusal("[avx2]: 1").text(), HasSubstr("a key must be a single value"));
  EXPECT_THAT(refusal("*a").text(), HasSubstr("here.yaml:1:"));
  EXPECT_NE(refusal(std::string(100000, '[')).message, "parsed");
  EXPECT_THAT(refusal(std::string(2 << 20, ' ')).text(), HasSubstr("too long"));
  EXPECT_NE(refusal(std::string("\0\xff\xfe", 3)).message, "parsed");
  EXPECT_FALSE(parse_target(imaginary, "host.yaml"));
}

TEST(TargetRefusal, EveryTruncationIsSurvived) {
  for (size_t length = 0; length < imaginary.size() - 14; ++length)
    EXPECT_NE(refusal(imaginary.substr(0, length)).message, "parsed") << length;
}

TEST(TargetRefusal, FilesThatCannotBeRead) {
  EXPECT_THAT(load_target("/nowhere/a.yaml").error().text(), HasSubstr("/nowhere/a.yaml: cannot read"));
  EXPECT_THAT(load_target("/tmp/").error().text(), HasSubstr("is a directory"));
  EXPECT_THAT(load_target("").error().text(), HasSubstr("unknown target ''"));
}

}  // namespace
}  // namespace tern::targets
