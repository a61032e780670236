// A bundle: kernels compiled ahead of time for one or several targets, with the table by which a program
// finds them (codegen/bundle/bundle_abi.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/expected.h"
#include "ir/kernel/kernel.h"
#include "ir/program/program.h"
#include "targets/target.h"

namespace tern::codegen {

// The kernels for one target. Their names differ.
struct BundleTarget {
  targets::Target target;
  std::vector<ir::Kernel> kernels;
};

// What a bundle is made from. All targets are of one architecture, the most demanding first.
struct Bundle {
  std::string name;       // a C identifier, which all symbols start with
  std::string generator;  // what makes it, for people to read
  std::vector<BundleTarget> targets;
};

// Puts the targets in order (wider vectors first, then more features). A target of no architecture in
// particular gets the architecture of the others. Fails where architectures differ, or two targets have one
// name.
Status arrange_targets(Bundle& bundle);

// An object file, named as an archive's member.
struct ObjectFile {
  std::string name;
  std::string content;
};

// One object for each kernel and target, which defines the function `symbol_of`, and one with the table,
// which defines `NAME_bundle`; kernels share an object for each distinct preparation. Fails if a program that
// comes from a kernel is refused by ir::verify, and if LLVM has no such target. Preconditions:
// arrange_targets succeeded; each kernel is verified, and legal on its target.
Expected<std::vector<ObjectFile>> compile_bundle(const Bundle& bundle);

// A static library, which linkers read.
Expected<std::string> make_archive(const std::vector<ObjectFile>& objects);

// The C header of a bundle: its functions with what each buffer holds, and the choice of a kernel by what the
// CPU says that it can do. Needs no LLVM, nor do the functions below.
std::string bundle_header(const Bundle& bundle);

// The C expression that is true where a CPU claims a feature; "0" where C has no way to ask.
std::string claimed_in_c(targets::Feature feature);
// What has to stand before such expressions: includes and declarations.
std::string claims_need_in_c(targets::Architecture architecture, targets::FeatureSet features);

std::string symbol_of(const Bundle& bundle, const targets::Target& target, const ir::Kernel& kernel);
// The same for one of a kernel's preparations.
std::string symbol_of(const Bundle& bundle, const targets::Target& target, const ir::Program& preparation);

// A text as a C identifier: every other character becomes '_'.
std::string identifier(std::string_view text);

// Equal for equal programs on every machine; a program that uses a bundle compares it, to know that its own
// lowering is that of the bundle's maker.
uint64_t hash(const ir::Program& program);

}  // namespace tern::codegen
