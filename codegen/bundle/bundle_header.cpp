// The C header of a bundle.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "bundle_abi_text.h"
#include "codegen/bundle/bundle.h"
#include "codegen/lower/lower.h"

namespace tern::codegen {
namespace {

using targets::Architecture;
using targets::Feature;
using targets::Target;

constexpr std::string_view introduction =
    R"(/* {name}: kernels for models with ternary weights, compiled ahead of
 * time by {generator}. Link lib{name}.a; nothing else is needed.
 *
 *     const tern_kernel* kernel = {name}_find("trit", m, n, k);
 *     kernel->function(buffers, ranges);
 *
 * A kernel computes C[m,n] = sum over k of A[m,k] * W[n,k]. `buffers` has one pointer for each of kernel->buffers,
 * in that order, each aligned and as large as it says there:
 *
{buffers} *
 * Pack W for the kernel that {name}_find gives. What a kernel reads in place of A, its preparations write:
 * kernel->preparations[i]->function(buffers, ranges), for each i below kernel->preparation_count. Their buffers are as
 * above too, A among them. Run each once for all kernels that read the same A and have the same pointer there.
 *
 * All these may have more rows than m: kernels work on whole tiles, and what they compute there is scratch.
 *
 * `ranges` has begin and end of each parallel loop, outermost first: all of the work is 0 and kernel->trips[i] for
 * each i. Any division of it among threads gives the same result.
 */
)";

// The table of roles as lines of the introduction, wrapped.
std::string buffer_lines() {
  constexpr size_t width = 112;
  std::string text;
  for (const ir::BufferRoleInfo& row : ir::buffer_roles) {
    if (row.role == ir::BufferRole::none) continue;
    std::string line = fmt::format(" *   {:<5}", row.name);
    std::istringstream words{std::string(row.meaning)};
    for (std::string word; words >> word;) {
      if (line.size() + 1 + word.size() > width) {
        text += line + "\n";
        line = fmt::format(" *   {:<5}", "");
      }
      line += " " + word;
    }
    text += line + "\n";
  }
  return text;
}

constexpr std::string_view finding = R"(
/* The best kernel for weights of a type ("trit", "i8", "f16", "bf16" or "f32"), for k inputs, n outputs and at
 * least m rows, that this CPU says it can run; null if there is none. */
static inline const tern_kernel* {name}_find(const char* weight, int64_t m, int64_t n, int64_t k) {{
  for (int64_t t = 0; t < {name}_bundle.target_count; ++t) {{
    const tern_target* target = &{name}_bundle.targets[t];
    const tern_kernel* best = 0;
    if (!{name}_cpu_claims(t)) continue;
    for (int64_t i = 0; i < target->kernel_count; ++i) {{
      const tern_kernel* kernel = &target->kernels[i];
      if (kernel->n != n || kernel->k != k || kernel->m < m || strcmp(kernel->weight, weight) != 0) continue;
      if (!best || kernel->m < best->m) best = kernel;
    }}
    if (best) return best;
  }}
  return 0;
}}

/* The same, by the kernel's name. */
static inline const tern_kernel* {name}_find_named(const char* kernel_name) {{
  for (int64_t t = 0; t < {name}_bundle.target_count; ++t) {{
    const tern_target* target = &{name}_bundle.targets[t];
    if (!{name}_cpu_claims(t)) continue;
    for (int64_t i = 0; i < target->kernel_count; ++i) {{
      if (strcmp(target->kernels[i].name, kernel_name) == 0) return &target->kernels[i];
    }}
  }}
  return 0;
}}
)";

// Where Linux says that it supports a feature: bits of AT_HWCAP (16) or AT_HWCAP2 (26). From its
// arch/arm64/include/uapi/asm/hwcap.h.
struct Hwcap {
  Feature feature;
  int vector;
  uint64_t bits;
};
constexpr Hwcap hwcaps_of_arm[] = {
    {Feature::neon, 16, 1 << 1},  {Feature::fp16, 16, 1 << 9 | 1 << 10}, {Feature::dotprod, 16, 1 << 20},
    {Feature::sve, 16, 1 << 22},  {Feature::sve2, 26, 1 << 1},           {Feature::i8mm, 26, 1 << 13},
    {Feature::bf16, 26, 1 << 14},
};

std::string claimed_on_linux(int vector, uint64_t bits) {
  return fmt::format("(getauxval({0}) & {1:#x}UL) == {1:#x}UL", vector, bits);
}

std::string claimed_on_arm(Feature feature) {
  for (const Hwcap& hwcap : hwcaps_of_arm) {
    if (hwcap.feature == feature) return claimed_on_linux(hwcap.vector, hwcap.bits);
  }
  return "0";
}

// RISC-V names an extension by a letter, and Linux has a bit for each.
std::string claimed_on_riscv(Feature feature) {
  return claimed_on_linux(16, uint64_t{1} << (info(feature).name.front() - 'a'));
}

std::string claimed_on_x86(Feature feature) {
  // The system must grant it: ARCH_REQ_XCOMP_PERM of XTILEDATA, for the whole process.
  if (feature == Feature::amx_tile)
    return "__builtin_cpu_supports(\"amx-tile\") && syscall(158, 0x1023L, 18L) == 0";
  if (feature == Feature::avxvnniint8) return "tern_cpuid_7_1_edx(4)";  // GCC 12 does not know it
  return fmt::format("__builtin_cpu_supports(\"{}\")", info(feature).llvm_attribute);
}

std::string condition(const Target& target) {
  std::string text;
  for (const Feature feature : target.features)
    text += (text.empty() ? "" : " &&\n             ") + claimed_in_c(feature);
  // Code for SVE's wide vectors counts on their width. (PR_SVE_GET_VL)
  if (target.features.contains(Feature::sve) && target.vector_bits > 128)
    text += fmt::format(" &&\n             (prctl(51) & 0xffff) * 8 == {}", target.vector_bits);
  return text.empty() ? "1" : text;
}

constexpr std::string_view cpuid_function = R"(
#ifndef TERN_CPUID
#define TERN_CPUID
static inline int tern_cpuid_7_1_edx(int bit) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (d >> bit & 1);
}
#endif
)";

constexpr std::string_view syscall_declaration = R"(
#ifndef __cplusplus
/* Strict C hides it. */
extern long syscall(long number, ...);
#endif
)";

std::string prelude(const Bundle& bundle) {
  targets::FeatureSet features;
  for (const BundleTarget& entry : bundle.targets) features |= entry.target.features;
  return "#include <string.h>\n" + claims_need_in_c(bundle.targets.front().target.architecture, features);
}

constexpr std::string_view claims_begin = R"(
/* 1 if the CPU and the system say that they can run {name}_bundle.targets[target]. It is their word: in a
 * virtual machine it can be wrong. (Tern itself believes a feature once it has executed an instruction of it.) */
static inline int {name}_cpu_claims(int64_t target) {{
  switch (target) {{
)";

std::string claims(const Bundle& bundle) {
  std::string text = fmt::format(fmt::runtime(claims_begin), fmt::arg("name", bundle.name));
  for (size_t i = 0; i < bundle.targets.size(); ++i)
    text += fmt::format("    case {}: /* {} */\n      return {};\n", i, bundle.targets[i].target.name,
                        condition(bundle.targets[i].target));
  return text + "  }\n  return 0;\n}\n";
}

std::string declaration(const Bundle& bundle, const Target& target, const ir::Kernel& kernel) {
  const ir::Program program = lower(kernel);
  std::string text = fmt::format("\n/* {} for {}: m={} n={} k={}, weights of type {}\n *   layout W: {}\n",
                                 kernel.name, target.name, kernel.problem.m, kernel.problem.n,
                                 kernel.problem.k, name(kernel.problem.w.element), print(kernel.weights));
  if (kernel.scales) text += fmt::format(" *   layout S: {}\n", print(*kernel.scales));
  size_t index = 0;
  for (const ir::Buffer& buffer : parameters(program))
    text += fmt::format(" *   buffers[{}] {}: {}[{}], {} bytes, aligned to {}{}\n", index++, buffer.name,
                        name(buffer.element), buffer.size, buffer.bytes(), buffer.alignment,
                        buffer.kind == ir::BufferKind::output ? ", written" : "");
  const std::vector<const ir::Loop*> loops = parallel_loops(program);
  for (size_t i = 0; i < loops.size(); ++i)
    text += fmt::format(" *   ranges[{}], ranges[{}]: from 0 to {}\n", 2 * i, 2 * i + 1, loops[i]->trips);
  constexpr std::string_view prototype = "void {}(void* const* buffers, const int64_t* ranges);\n";
  std::string prototypes;
  for (const ir::Program& preparation : preparations(kernel)) {
    const std::string symbol = symbol_of(bundle, target, preparation);
    std::string written;
    for (const ir::Buffer& buffer : parameters(preparation)) {
      if (buffer.kind == ir::BufferKind::output) written += (written.empty() ? "" : ", ") + buffer.name;
    }
    text += fmt::format(" *   {} writes {}\n", symbol, written);
    prototypes += fmt::format(prototype, symbol);
  }
  return text + " */\n" + prototypes + fmt::format(prototype, symbol_of(bundle, target, kernel));
}

}  // namespace

std::string claimed_in_c(Feature feature) {
  switch (info(feature).architecture) {
    case Architecture::x86_64: return claimed_on_x86(feature);
    case Architecture::aarch64: return claimed_on_arm(feature);
    case Architecture::riscv64: return claimed_on_riscv(feature);
    case Architecture::any: break;
  }
  return "0";
}

std::string claims_need_in_c(Architecture architecture, targets::FeatureSet features) {
  const bool x86 = architecture == Architecture::x86_64;
  const bool cpuid = features.contains(Feature::avxvnniint8), amx = features.contains(Feature::amx_tile);
  std::string text;
  if (!x86) text += "#include <sys/auxv.h>\n";
  if (features.contains(Feature::sve)) text += "#include <sys/prctl.h>\n";
  if (cpuid) text += "#include <cpuid.h>\n";
  if (amx) text += "#include <unistd.h>\n";
  if (cpuid) text += cpuid_function;
  if (amx) text += syscall_declaration;
  return text;
}

std::string bundle_header(const Bundle& bundle) {
  const auto name = fmt::arg("name", bundle.name);
  const std::string guard = "TERN_BUNDLE_" + bundle.name + "_H";
  std::string text = fmt::format(fmt::runtime(introduction), name, fmt::arg("generator", bundle.generator),
                                 fmt::arg("buffers", buffer_lines()));
  text += fmt::format("#ifndef {0}\n#define {0}\n\n{1}\n", guard, bundle_abi_text);
  text += prelude(bundle);
  text += "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
  text += fmt::format("\nextern const tern_bundle {}_bundle;\n", bundle.name);
  text += claims(bundle);
  text += fmt::format(fmt::runtime(finding), name);
  for (const auto& [target, kernels] : bundle.targets) {
    for (const ir::Kernel& kernel : kernels) text += declaration(bundle, target, kernel);
  }
  return text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}

}  // namespace tern::codegen
