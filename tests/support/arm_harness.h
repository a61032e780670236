// Executing programs that were generated for AArch64 on any machine: they are linked into one static program
// by the cross tool-chain and run under qemu's user mode emulation, with buffers that a test gives, and what
// they leave there is compared with what the interpreter left.
#pragma once

#include <string>
#include <vector>

#include "codegen/lower/lower.h"
#include "ir/program/program.h"
#include "targets/target.h"
#include "tests/support/matmul_case.h"
#include "tests/support/program_call.h"

namespace tern::testing {

// Why AArch64 programs cannot be executed here: a tool is missing; empty if they can.
std::string why_no_arm_emulation();

// A CPU that qemu imitates.
struct EmulatedCpu {
  std::string option;       // of qemu's -cpu
  targets::Target machine;  // what it can execute
};
const std::vector<EmulatedCpu>& emulated_cpus();

// The listed targets of AArch64, and one of 512 bits with SVE and nothing else, which no listed one is.
std::vector<targets::Target> arm_targets();

// The same without those that have a former one's instructions and width: code for them differs in order
// only.
std::vector<targets::Target> distinct_arm_targets();

// One execution of a program.
struct ArmCall {
  std::string label;  // for messages
  ir::Program program;
  Contents before, after;  // of its buffers
};

// A call of a program with these contents; what it leaves is what the interpreter says.
ArmCall interpreted_call(std::string label, const ir::Program& program, const Contents& before);

// A call of a kernel with random inputs. Expects the interpreter to agree with the reference.
ArmCall kernel_call(const ir::Kernel& kernel, std::mt19937& random);

// Compiles the programs for the target, and executes them on each emulated CPU that can run it. Expects at
// least one such CPU, and that every call leaves the contents it should.
void expect_arm_agrees(const targets::Target& target, const std::vector<ArmCall>& calls);

}  // namespace tern::testing
