// Default kernels for every listed target, and for architectures that are far away, become LLVM IR, assembly
// and objects on this machine.
#include <gtest/gtest.h>

#include "codegen/jit/compile.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/default_kernel.h"
#include "targets/legal.h"
#include "tests/support/runnable_targets.h"

namespace tern::kernels {
namespace {

targets::Target parsed(const std::string& yaml) {
  Expected<targets::Target> target = targets::parse_target(yaml, "elsewhere.yaml");
  EXPECT_TRUE(target) << target.error().text();
  return target ? target.take() : targets::Target{};
}

std::vector<ir::Problem> problems() {
  using ir::Element;
  using ir::Scaling;
  return {ir::matmul(1, 256, 256, {Element::trit, Scaling::tensor}),
          ir::matmul(33, 70, 100, {Element::trit, Scaling::tensor}),
          ir::matmul(1, 64, 64, {Element::i8, Scaling::group, 32}),
          ir::matmul(5, 64, 64, {Element::f16, Scaling::none}),
          ir::matmul(1, 64, 64, {Element::bf16, Scaling::none}),
          ir::matmul(1, 64, 64, {Element::f32, Scaling::none})};
}

constexpr int x86_64 = 62, aarch64 = 183, riscv = 243;
const int host_machine = targets::host_architecture() == targets::Architecture::aarch64 ? aarch64 : x86_64;

// `machine`: the number of the architecture in an ELF file's header.
void expect_all_outputs(const targets::Target& target, const std::string& triple, int machine) {
  for (const ir::Problem& problem : problems()) {
    const ir::Kernel kernel = default_kernel(problem, target);
    SCOPED_TRACE(target.name + " " + triple + "\n" + print(kernel));
    for (const Error& error : ir::verify(kernel)) ADD_FAILURE() << error.text();
    for (const std::string& reason : targets::legality_errors(kernel, target)) ADD_FAILURE() << reason;
    const ir::Program program = codegen::lower(kernel);
    for (const Error& error : ir::verify(program)) ADD_FAILURE() << error.text();
    for (const codegen::Output output : {codegen::Output::llvm_ir, codegen::Output::optimized_llvm_ir}) {
      const Expected<std::string> text = codegen::compile(program, target, output);
      ASSERT_TRUE(text) << text.error().text();
      EXPECT_NE(text->find("target triple = \"" + triple), std::string::npos);
      EXPECT_NE(text->find("define void @" + kernel.name + "(ptr"), std::string::npos);
    }
    const Expected<std::string> assembly = codegen::compile(program, target, codegen::Output::assembly);
    ASSERT_TRUE(assembly) << assembly.error().text();
    EXPECT_NE(assembly->find(kernel.name + ":"), std::string::npos);
    const Expected<std::string> object = codegen::compile(program, target, codegen::Output::object);
    ASSERT_TRUE(object) << object.error().text();
    ASSERT_GT(object->size(), 64u);
    EXPECT_EQ(object->substr(0, 4),
              "\x7f"
              "ELF");
    EXPECT_EQ(static_cast<uint8_t>((*object)[18]), machine);
  }
}

TEST(EveryTarget, ListedOnesCanBeGeneratedHere) {
  for (const std::string& name : targets::target_names()) {
    const targets::Target target = testing::listed_target(name);
    if (target.architecture == targets::Architecture::x86_64) expect_all_outputs(target, "x86_64-", x86_64);
    if (target.architecture == targets::Architecture::aarch64)
      expect_all_outputs(target, "aarch64-unknown-linux-gnu", aarch64);
    if (target.architecture == targets::Architecture::riscv64)
      expect_all_outputs(target, "riscv64-unknown-linux-gnu", riscv);
    if (target.architecture == targets::Architecture::any) expect_all_outputs(target, "", host_machine);
  }
}

TEST(EveryTarget, RiscWithVectors) {
  expect_all_outputs(
      parsed("{description: d, architecture: riscv64, features: [v], vector_bits: 256, sources: [s]}"),
      "riscv64-unknown-linux-gnu", riscv);
}

TEST(EveryTarget, PortableCodeForOtherTriples) {
  for (const auto& [triple, machine] : {std::pair<std::string, int>{"aarch64-unknown-linux-gnu", aarch64},
                                        {"riscv64-unknown-linux-gnu", riscv}}) {
    targets::Target target = testing::listed_target("generic");
    target.llvm_triple = triple;
    expect_all_outputs(target, triple, machine);
  }
}

TEST(EveryTarget, AnArchitectureThatLlvmLacksIsAnError) {
  targets::Target target = testing::listed_target("generic");
  target.llvm_triple = "pdp11-unknown-none";
  const ir::Program program = codegen::lower(default_kernel(problems()[0], target));
  const Expected<std::string> assembly = codegen::compile(program, target, codegen::Output::assembly);
  ASSERT_FALSE(assembly);
  EXPECT_NE(assembly.error().message.find("LLVM cannot make code for target generic"), std::string::npos);
}

}  // namespace
}  // namespace tern::kernels
