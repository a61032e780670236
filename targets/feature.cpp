#include "targets/feature.h"

#include <array>
#include <utility>

#include "targets/probe.h"

// A probe exists only in a program built for its architecture.
#if defined(__x86_64__)
#define X86_PROBE(name) &x86::name
#else
#define X86_PROBE(name) nullptr
#endif
#if defined(__aarch64__)
#define ARM_PROBE(name) &arm::name
#else
#define ARM_PROBE(name) nullptr
#endif

namespace tern::targets {
namespace {

using enum Feature;
constexpr Architecture x86_64 = Architecture::x86_64;
constexpr Architecture aarch64 = Architecture::aarch64;
constexpr Architecture riscv64 = Architecture::riscv64;

// What a feature implies follows LLVM (X86TargetParser.cpp, AArch64Features.td), so that LLVM never turns on
// more than the set says.
constexpr std::array<FeatureInfo, feature_count> table = {{
    {sse2, "sse2", x86_64, "sse2", {}, "paddd", X86_PROBE(sse2)},
    {ssse3, "ssse3", x86_64, "ssse3", {sse2}, "pmaddubsw", X86_PROBE(ssse3)},
    {sse4_1, "sse4.1", x86_64, "sse4.1", {ssse3}, "pmulld", X86_PROBE(sse4_1)},
    {sse4_2, "sse4.2", x86_64, "sse4.2", {sse4_1}, "pcmpgtq", X86_PROBE(sse4_2)},
    {popcnt, "popcnt", x86_64, "popcnt", {}, "popcnt", X86_PROBE(popcnt)},
    {avx, "avx", x86_64, "avx", {sse4_2}, "vaddps ymm", X86_PROBE(avx)},
    {avx2, "avx2", x86_64, "avx2", {avx}, "vpmaddubsw ymm", X86_PROBE(avx2)},
    {f16c, "f16c", x86_64, "f16c", {avx}, "vcvtph2ps ymm", X86_PROBE(f16c)},
    {fma, "fma", x86_64, "fma", {avx}, "vfmadd231ps ymm", X86_PROBE(fma)},
    {bmi2, "bmi2", x86_64, "bmi2", {}, "pdep", X86_PROBE(bmi2)},
    {gfni, "gfni", x86_64, "gfni", {sse2}, "gf2p8mulb", X86_PROBE(gfni)},
    {avxvnni, "avxvnni", x86_64, "avxvnni", {avx2}, "{vex} vpdpbusd ymm", X86_PROBE(avxvnni)},
    {avxvnniint8, "avxvnniint8", x86_64, "avxvnniint8", {avx2}, "vpdpbssd ymm", X86_PROBE(avxvnniint8)},
    {avx512f, "avx512f", x86_64, "avx512f", {avx2, f16c, fma}, "vpaddd zmm", X86_PROBE(avx512f)},
    {avx512cd, "avx512cd", x86_64, "avx512cd", {avx512f}, "vplzcntd zmm", X86_PROBE(avx512cd)},
    {avx512bw, "avx512bw", x86_64, "avx512bw", {avx512f}, "vpmaddubsw zmm", X86_PROBE(avx512bw)},
    {avx512dq, "avx512dq", x86_64, "avx512dq", {avx512f}, "vpmullq zmm", X86_PROBE(avx512dq)},
    {avx512vl, "avx512vl", x86_64, "avx512vl", {avx512f}, "vpternlogd ymm", X86_PROBE(avx512vl)},
    {avx512vnni, "avx512vnni", x86_64, "avx512vnni", {avx512f}, "vpdpbusd zmm", X86_PROBE(avx512vnni)},
    {avx512vbmi, "avx512vbmi", x86_64, "avx512vbmi", {avx512bw}, "vpermb zmm", X86_PROBE(avx512vbmi)},
    {avx512vbmi2, "avx512vbmi2", x86_64, "avx512vbmi2", {avx512bw}, "vpshldvd zmm", X86_PROBE(avx512vbmi2)},
    {avx512bf16, "avx512bf16", x86_64, "avx512bf16", {avx512bw}, "vdpbf16ps zmm", X86_PROBE(avx512bf16)},
    {avx512fp16,
     "avx512fp16",
     x86_64,
     "avx512fp16",
     {avx512bw, avx512dq, avx512vl},
     "vaddph zmm",
     X86_PROBE(avx512fp16)},
    {amx_tile, "amx-tile", x86_64, "amx-tile", {}, "tileloadd", X86_PROBE(amx_tile)},
    {amx_int8, "amx-int8", x86_64, "amx-int8", {amx_tile}, "tdpbssd", X86_PROBE(amx_int8)},
    {amx_bf16, "amx-bf16", x86_64, "amx-bf16", {amx_tile}, "tdpbf16ps", X86_PROBE(amx_bf16)},
    {neon, "neon", aarch64, "neon", {}, "smlal", ARM_PROBE(neon)},
    {fp16, "fp16", aarch64, "fullfp16", {neon}, "fadd v.8h", ARM_PROBE(fp16)},
    {dotprod, "dotprod", aarch64, "dotprod", {neon}, "sdot v.4s", ARM_PROBE(dotprod)},
    {i8mm, "i8mm", aarch64, "i8mm", {neon}, "smmla", ARM_PROBE(i8mm)},
    {bf16, "bf16", aarch64, "bf16", {neon}, "bfdot", ARM_PROBE(bf16)},
    {sve, "sve", aarch64, "sve", {fp16}, "sdot z.s", ARM_PROBE(sve)},
    {sve2, "sve2", aarch64, "sve2", {sve}, "smlalb", ARM_PROBE(sve2)},
    {m, "m", riscv64, "m", {}, "mul", nullptr},
    {c, "c", riscv64, "c", {}, "c.add", nullptr},
    {v, "v", riscv64, "v", {}, "vadd.vv", nullptr},
}};

constexpr bool is_ordered() {
  for (int i = 0; i < feature_count; ++i) {
    const FeatureInfo& entry = table[i];
    if (entry.feature != static_cast<Feature>(i)) return false;
    for (const Feature implied : entry.implies) {
      if (implied >= entry.feature || table[static_cast<int>(implied)].architecture != entry.architecture)
        return false;
    }
  }
  return true;
}
static_assert(is_ordered(),
              "a row a feature, in its order; implied features first, of the same architecture");

constexpr std::array<std::pair<Architecture, std::string_view>, 4> architectures = {{
    {Architecture::any, "any"},
    {Architecture::x86_64, "x86_64"},
    {Architecture::aarch64, "aarch64"},
    {Architecture::riscv64, "riscv64"},
}};

}  // namespace

std::span<const FeatureInfo> feature_table() {
  return table;
}

const FeatureInfo& info(Feature feature) {
  return table[static_cast<int>(feature)];
}

std::optional<Feature> find_feature(std::string_view name) {
  for (const FeatureInfo& entry : table)
    if (entry.name == name) return entry.feature;
  return std::nullopt;
}

FeatureSet with_implied(FeatureSet features) {
  // Implied features come first in the table, so one walk from its end follows every chain.
  for (int i = feature_count - 1; i >= 0; --i)
    if (features.contains(table[i].feature)) features |= table[i].implies;
  return features;
}

std::string text(FeatureSet features) {
  std::string result;
  for (const Feature feature : features) {
    if (!result.empty()) result += ' ';
    result += name(feature);
  }
  return result;
}

std::string llvm_attributes(FeatureSet features) {
  std::string result;
  for (const Feature feature : features) {
    result += result.empty() ? "+" : ",+";
    result += info(feature).llvm_attribute;
  }
  return result;
}

std::string_view name(Architecture architecture) {
  return architectures[static_cast<int>(architecture)].second;
}

std::optional<Architecture> find_architecture(std::string_view name) {
  for (const auto& [architecture, spelling] : architectures)
    if (spelling == name) return architecture;
  return std::nullopt;
}

Architecture host_architecture() {
#if defined(__x86_64__)
  return Architecture::x86_64;
#elif defined(__aarch64__)
  return Architecture::aarch64;
#elif defined(__riscv) && __riscv_xlen == 64
  return Architecture::riscv64;
#else
  return Architecture::any;
#endif
}

}  // namespace tern::targets
