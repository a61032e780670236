// The vocabulary of instruction-set features, and sets of them.
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tern::targets {

// `any` is a target that is no CPU in particular: portable code for whatever compiles it.
enum class Architecture : uint8_t { any, x86_64, aarch64, riscv64 };

// The instruction sets that a kernel can ask for. The table in feature.cpp says what each one is.
enum class Feature : uint8_t {
  // x86
  sse2,
  ssse3,
  sse4_1,
  sse4_2,
  popcnt,
  avx,
  avx2,
  f16c,
  fma,
  bmi2,
  gfni,
  avxvnni,
  avxvnniint8,
  avx512f,
  avx512cd,
  avx512bw,
  avx512dq,
  avx512vl,
  avx512vnni,
  avx512vbmi,
  avx512vbmi2,
  avx512bf16,
  avx512fp16,
  amx_tile,
  amx_int8,
  amx_bf16,
  // AArch64
  neon,
  fp16,
  dotprod,
  i8mm,
  bf16,
  sve,
  sve2,
  // RISC-V
  m,
  c,
  v,
};
inline constexpr int feature_count = static_cast<int>(Feature::v) + 1;
static_assert(feature_count <= 64, "FeatureSet keeps one bit a feature in 64");

// A set of features, small enough to pass by value. Iterates in the order of the enumeration.
class FeatureSet {
 public:
  class Iterator {
   public:
    using value_type = Feature;
    using difference_type = std::ptrdiff_t;

    constexpr Iterator() = default;
    constexpr Feature operator*() const { return static_cast<Feature>(std::countr_zero(rest_)); }
    constexpr Iterator& operator++() {
      rest_ &= rest_ - 1;
      return *this;
    }
    constexpr Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    constexpr bool operator==(const Iterator&) const = default;

   private:
    friend class FeatureSet;
    constexpr explicit Iterator(uint64_t rest) : rest_(rest) {}
    uint64_t rest_ = 0;
  };

  constexpr FeatureSet() = default;
  constexpr FeatureSet(std::initializer_list<Feature> features) {
    for (const Feature feature : features) insert(feature);
  }

  constexpr void insert(Feature feature) { bits_ |= bit(feature); }
  constexpr void erase(Feature feature) { bits_ &= ~bit(feature); }
  constexpr bool contains(Feature feature) const { return (bits_ & bit(feature)) != 0; }
  constexpr bool contains(FeatureSet other) const { return (other.bits_ & ~bits_) == 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr int size() const { return std::popcount(bits_); }
  constexpr Iterator begin() const { return Iterator(bits_); }
  constexpr Iterator end() const { return Iterator(); }

  constexpr bool operator==(const FeatureSet&) const = default;
  constexpr FeatureSet& operator|=(FeatureSet other) {
    bits_ |= other.bits_;
    return *this;
  }
  friend constexpr FeatureSet operator|(FeatureSet a, FeatureSet b) { return FeatureSet(a.bits_ | b.bits_); }
  friend constexpr FeatureSet operator&(FeatureSet a, FeatureSet b) { return FeatureSet(a.bits_ & b.bits_); }
  // The features of `a` that `b` lacks.
  friend constexpr FeatureSet operator-(FeatureSet a, FeatureSet b) { return FeatureSet(a.bits_ & ~b.bits_); }

 private:
  constexpr explicit FeatureSet(uint64_t bits) : bits_(bits) {}
  static constexpr uint64_t bit(Feature feature) { return uint64_t{1} << static_cast<int>(feature); }
  uint64_t bits_ = 0;
};

// How to find out whether the running machine has a feature; see probe.h.
struct Probe;

// One row of the feature table.
struct FeatureInfo {
  Feature feature;
  std::string_view name;  // as target files and messages write it
  Architecture architecture;
  std::string_view llvm_attribute;  // LLVM 19's name of the subtarget feature
  FeatureSet implies;               // directly; `with_implied` follows the chain
  std::string_view adds;  // an instruction that it brings, which is also the one that the probe runs
  const Probe* probe;     // null where this program is built for another architecture or none exists
};

// All rows, in the order of the enumeration; what a feature implies comes before it.
std::span<const FeatureInfo> feature_table();
const FeatureInfo& info(Feature feature);

inline std::string_view name(Feature feature) {
  return info(feature).name;
}
std::optional<Feature> find_feature(std::string_view name);

// The set with everything that its members imply: {avx512vnni} becomes {sse2, ..., avx512f, avx512vnni}.
FeatureSet with_implied(FeatureSet features);

// The names with a space between them: "avx2 f16c fma".
std::string text(FeatureSet features);

// As LLVM takes them: "+avx2,+f16c,+fma".
std::string llvm_attributes(FeatureSet features);

std::string_view name(Architecture architecture);
std::optional<Architecture> find_architecture(std::string_view name);

// The architecture that this program was compiled for.
Architecture host_architecture();

}  // namespace tern::targets
