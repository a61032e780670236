// Bundles as a C program uses them: compiled with the C compiler, run, and held against the reference.
#include "codegen/bundle/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "kernels/whole_rows.h"
#include "targets/legal.h"
#include "tests/support/matmul_case.h"
#include "tests/support/runnable_targets.h"

namespace tern::autotune {
namespace {

namespace fs = std::filesystem;
using namespace tern::codegen;
using targets::Architecture;
using targets::Feature;
using targets::Target;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BundleTest : public ::testing::Test {
 protected:
  BundleTest() : folder_(fs::path(::testing::TempDir()) / ("tern_bundle_" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~BundleTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  void write(const std::string& name, std::string_view content) const {
    std::ofstream(path(name), std::ios::binary) << content;
  }

  std::string read(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  // The exit code of a command in the folder; what it prints goes to the file `stdout`.
  int shell(const std::string& command) const {
    const std::string line = "cd '" + folder_.string() + "' && (" + command + ") >stdout 2>stderr";
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // Writes library and header, and builds the program `demo` with them.
  void build(Bundle bundle, const std::string& compiler) const {
    bundle.name = "demo";
    ASSERT_TRUE(arrange_targets(bundle));
    const Expected<std::vector<ObjectFile>> objects = compile_bundle(bundle);
    ASSERT_TRUE(objects) << objects.error().text();
    const Expected<std::string> archive = make_archive(*objects);
    ASSERT_TRUE(archive) << archive.error().text();
    write("libdemo.a", *archive);
    write("demo.h", bundle_header(bundle));
    const std::string source = TERN_SOURCE_DIR "/tests/autotune/bundle_demo.c";
    ASSERT_EQ(shell(compiler + " -std=c99 -Wall -Wextra -Wpedantic -Werror -I. '" + source +
                    "' -L. -ldemo -o demo"),
              0)
        << read("stderr");
  }

  // Runs `demo` for a kernel's problem on random inputs; what it printed. The result must be the reference's.
  // The kernel is found by `kernel_name`, if there is one, else by its problem.
  std::string run(const ir::Kernel& kernel, const std::string& emulator = "",
                  const std::string& kernel_name = "") const {
    const ir::Program program = lower(kernel);
    std::mt19937 random(7);
    const ir::MatmulInputs inputs = testing::random_inputs(kernel.problem, random);
    testing::KernelCall call(kernel, program, inputs);
    const auto bytes_of = [&](size_t i) {
      const ir::Buffer& buffer = program.buffers[i];
      return std::string_view(reinterpret_cast<const char*>(call.buffers()[i]),
                              buffer.size * size_in_bytes(buffer.element));
    };
    std::set<ir::BufferRole> prepared;
    for (const ir::Program& preparation : preparations(kernel)) {
      // The program builds what the kernel reads from the activations.
      testing::KernelCall building(kernel, preparation, inputs);
      for (const ir::Buffer& buffer : parameters(preparation)) {
        if (buffer.kind == ir::BufferKind::output)
          prepared.insert(buffer.role);
        else
          write(buffer.name, {reinterpret_cast<const char*>(building.find(buffer.role)),
                              static_cast<size_t>(buffer.bytes())});
      }
    }
    for (size_t i = 0; i < call.buffers().size(); ++i) {
      if (!prepared.contains(program.buffers[i].role)) write(program.buffers[i].name, bytes_of(i));
    }
    const ir::Problem& problem = kernel.problem;
    const std::string sizes = std::string(name(problem.w.element)) + " " + std::to_string(problem.m) + " " +
                              std::to_string(problem.n) + " " + std::to_string(problem.k);
    const std::string arguments = kernel_name.empty() ? sizes : kernel_name;
    EXPECT_EQ(shell(emulator + " ./demo . " + arguments), 0) << read("stderr");
    const std::string printed = read("stdout");
    for (size_t i = 0; i < call.buffers().size(); ++i) {
      if (program.buffers[i].kind != ir::BufferKind::output) continue;
      const std::string result = read(program.buffers[i].name);
      EXPECT_EQ(result.size(), bytes_of(i).size());
      std::memcpy(call.buffers()[i], result.data(), std::min(result.size(), bytes_of(i).size()));
    }
    EXPECT_TRUE(testing::same_bits(call.result(), testing::expected_result(kernel, inputs))) << print(kernel);
    return printed;
  }

 private:
  fs::path folder_;
};

std::vector<ir::Problem> small_problems() {
  using ir::Element, ir::Scaling;
  return {ir::matmul(1, 70, 200, {Element::trit, Scaling::tensor}),
          ir::matmul(5, 70, 200, {Element::trit, Scaling::tensor}),
          ir::matmul(2, 33, 96, {Element::i8, Scaling::group, 32}),
          ir::matmul(1, 20, 40, {Element::f16, Scaling::none})};
}

BundleTarget defaults_for(const Target& target) {
  BundleTarget result{target, {}};
  for (const ir::Problem& problem : small_problems())
    result.kernels.push_back(kernels::default_kernel(problem, target));
  return result;
}

Target arm_target(std::string target_name, targets::FeatureSet features) {
  Target target;
  target.name = std::move(target_name);
  target.architecture = Architecture::aarch64;
  target.llvm_triple = "aarch64-unknown-linux-gnu";
  target.features = features;
  target.vector_registers = 32;
  return target;
}

TEST_F(BundleTest, CProgramsComputeWhatTheReferenceDoes) {
  for (const Target& target : testing::runnable_targets()) {
    SCOPED_TRACE(target.name);
    build({"", "a test", {defaults_for(target)}}, BUNDLE_CC);
    for (const ir::Kernel& kernel : defaults_for(target).kernels)
      EXPECT_EQ(run(kernel), kernel.name + " " + target.name + "\n");
  }
}

// Two kernels of every recipe for trits that is legal here: among them kernels that read tables, have scratch
// or quantise their rows.
TEST_F(BundleTest, EveryRecipeCanBeBundled) {
  const Target host = targets::host_target().take();
  Bundle bundle{"", "a test", {{host, {}}}};
  size_t prepared = 0;
  for (const kernels::Recipe& recipe : kernels::recipes(ir::Element::trit)) {
    for (const int64_t m : {1, 3}) {
      ir::Kernel kernel = kernels::make_kernel(
          recipe, ir::matmul(m, 70, 200, {ir::Element::trit, ir::Scaling::tensor}), host);
      if (!targets::legality_errors(kernel, host).empty()) continue;
      if (m > 1) kernel = kernels::with_quantized_rows(kernel);
      kernel.name = identifier(print(recipe) + " m" + std::to_string(m));
      prepared += preparations(kernel).size();
      bundle.targets[0].kernels.push_back(kernel);
    }
  }
  EXPECT_GT(prepared, 0u);
  build(bundle, BUNDLE_CC);
  for (const ir::Kernel& kernel : bundle.targets[0].kernels)
    EXPECT_EQ(run(kernel, "", kernel.name), kernel.name + " host\n");
}

TEST(Bundle, PreparationsAreCompiledOnceForAllThatShareThem) {
  const Target target = targets::load_target("x86-64-v3").take();
  const kernels::Recipe recipe{ir::Packing::g2b4, ir::LookupCompute{}};
  std::vector<ir::Kernel> kernels;
  for (const int64_t n : {32, 64, 96})
    kernels.push_back(
        kernels::make_kernel(recipe, ir::matmul(1, n, 64, {ir::Element::trit, ir::Scaling::tensor}), target));
  const Expected<std::vector<ObjectFile>> objects = compile_bundle({"demo", "a test", {{target, kernels}}});
  ASSERT_TRUE(objects) << objects.error().text();
  EXPECT_EQ(objects->size(), 3u + 1u + 1u);  // kernels, tables, the list of all
}

TEST_F(BundleTest, TheMostDemandingTargetThatTheCpuClaimsIsTaken) {
  const Target host = targets::host_target().take();
  Bundle bundle{"demo", "a test", {}};
  for (const std::string& target_name : targets::target_names()) {
    const Target target = targets::load_target(target_name).take();
    if (target.architecture == host.architecture) bundle.targets.push_back(defaults_for(target));
  }
  ASSERT_TRUE(arrange_targets(bundle));
  const BundleTarget* best = nullptr;
  for (const BundleTarget& entry : bundle.targets) {
    if (!best && targets::can_run(entry.target, host)) best = &entry;
  }
  if (!best) GTEST_SKIP() << "no target for this machine";
  build(bundle, BUNDLE_CC);
  EXPECT_EQ(run(best->kernels[0]), best->kernels[0].name + " " + best->target.name + "\n");
}

TEST_F(BundleTest, FewerRowsThanAKernelHasAreFound) {
  const Target host = targets::host_target().take();
  build({"", "a test", {defaults_for(host)}}, BUNDLE_CC);
  const ir::Kernel kernel = defaults_for(host).kernels[1];
  run(kernel);  // leaves the inputs
  EXPECT_EQ(shell("./demo . trit 2 70 200"), 0);
  EXPECT_EQ(read("stdout"), kernel.name + " host\n");
  EXPECT_EQ(shell("./demo . " + kernel.name), 0) << "by its name";
  EXPECT_EQ(shell("./demo . trit 6 70 200"), 3) << "more rows than any has";
  EXPECT_EQ(shell("./demo . i8 1 70 200"), 3) << "other weights";
  EXPECT_EQ(shell("./demo . nobody"), 3) << "no such name";
}

TEST_F(BundleTest, HeadersAreForCPlusPlusToo) {
  const Target host = targets::host_target().take();
  build({"", "a test", {defaults_for(host)}}, BUNDLE_CC);
  write(
      "main.cpp",
      "#include \"demo.h\"\n#include \"demo.h\"\nint main() { return demo_find_named(\"x\") != nullptr; }\n");
  EXPECT_EQ(
      shell(std::string(BUNDLE_CC) + " -x c++ -Wall -Wextra -Werror main.cpp -x none -L. -ldemo -o both"), 0)
      << read("stderr");
  EXPECT_EQ(shell("./both"), 0);
}

TEST_F(BundleTest, EveryFeatureCanBeAskedForInC) {
  for (const targets::FeatureInfo& row : targets::feature_table())
    EXPECT_NE(claimed_in_c(row.feature), "0") << row.name;
  // All at once, in the strictest C.
  targets::FeatureSet all;
  for (const targets::FeatureInfo& row : targets::feature_table()) {
    if (row.architecture == Architecture::x86_64) all.insert(row.feature);
  }
  Target target;
  target.name = "everything";
  target.architecture = Architecture::x86_64;
  target.llvm_triple = "x86_64-unknown-linux-gnu";
  target.features = all;
  write("all.h", bundle_header({"all", "a test", {defaults_for(target)}}));
  write("all.c", "#include \"all.h\"\nint main(void) { return all_cpu_claims(0) > 1; }\n");
  if (targets::host_architecture() != Architecture::x86_64) return;
  EXPECT_EQ(shell(std::string(BUNDLE_CC) + " -std=c99 -Wall -Wextra -Wpedantic -Werror -c all.c"), 0)
      << read("stderr");
}

TEST_F(BundleTest, OtherArchitecturesRunUnderAnEmulator) {
  if (std::string(BUNDLE_ARM_CC).empty() || std::string(BUNDLE_ARM_EMULATOR).empty())
    GTEST_SKIP() << "no cross compiler, or no qemu-aarch64";
  const Bundle bundle{"",
                      "a test",
                      {defaults_for(arm_target("plain", {Feature::neon})),
                       defaults_for(arm_target("dots", {Feature::neon, Feature::dotprod}))}};
  build(bundle, std::string(BUNDLE_ARM_CC) + " -static");
  const ir::Kernel plain = bundle.targets[0].kernels[0], dots = bundle.targets[1].kernels[0];
  EXPECT_EQ(run(plain, std::string(BUNDLE_ARM_EMULATOR) + " -cpu cortex-a72"), plain.name + " plain\n");
  EXPECT_EQ(run(dots, std::string(BUNDLE_ARM_EMULATOR) + " -cpu cortex-a76"), dots.name + " dots\n");
}

TEST(Bundle, TargetsAreArrangedFromTheMostDemanding) {
  Bundle bundle{"demo", "a test", {}};
  for (const char* target : {"x86-64-v2", "icelake-server", "generic", "x86-64-v3"})
    bundle.targets.push_back({targets::load_target(target).take(), {}});
  ASSERT_TRUE(arrange_targets(bundle));
  std::vector<std::string> names;
  for (const BundleTarget& entry : bundle.targets) {
    names.push_back(entry.target.name);
    EXPECT_EQ(entry.target.architecture, Architecture::x86_64);
    EXPECT_EQ(entry.target.llvm_triple, "x86_64-unknown-linux-gnu");
  }
  EXPECT_THAT(names, ElementsAre("icelake-server", "x86-64-v3", "x86-64-v2", "generic"));
}

TEST(Bundle, ArchitecturesDoNotMix) {
  Bundle bundle{"demo", "a test", {{targets::load_target("zen4").take(), {}}, {arm_target("a72", {}), {}}}};
  const Status status = arrange_targets(bundle);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().text(), HasSubstr("zen4 is x86_64, and a72 is aarch64"));
}

TEST(Bundle, TargetsHaveDifferentNames) {
  const Target target = targets::load_target("zen4").take();
  Bundle bundle{"demo", "a test", {{target, {}}, {target, {}}}};
  const Status status = arrange_targets(bundle);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().text(), HasSubstr("two targets called zen4"));
}

TEST(Bundle, IdentifiersAreThoseOfC) {
  EXPECT_EQ(identifier("x86-64-v3"), "x86_64_v3");
  EXPECT_EQ(identifier("7b"), "_7b");
  EXPECT_EQ(identifier(""), "_");
  EXPECT_EQ(identifier("ü"), "__");
}

}  // namespace
}  // namespace tern::autotune
