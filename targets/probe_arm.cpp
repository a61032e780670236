// The probes of AArch64: as those of x86, with the operating system's word (AT_HWCAP) in place of CPUID. The
// instructions are those of the Arm Architecture Reference Manual for A-profile (DDI 0487).
#if defined(__aarch64__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

#include <array>
#include <cstdint>

#include "ir/half.h"
#include "targets/probe.h"

namespace tern::targets::arm {
namespace {

template <unsigned long bits>
bool hwcap() {
  return (getauxval(AT_HWCAP) & bits) == bits;
}

template <unsigned long bits>
bool hwcap2() {
  return (getauxval(AT_HWCAP2) & bits) == bits;
}

using Bytes = std::array<int8_t, 16>;
using Halves = std::array<uint16_t, 8>;
using Words = std::array<int32_t, 4>;
using Floats = std::array<float, 4>;

constexpr Bytes a_bytes = {1, -2, 3, -4, 127, -128, 7, 8, -9, 10, 11, 12, -13, 14, 15, -16};
constexpr Bytes b_bytes = {-5, 6, 7, 8, -127, -128, 11, -12, 13, 14, 15, 16, 17, -18, 19, 20};
constexpr Words sums = {-1000003, 2000006, 17, -5};

// Runs one instruction with x, y and z in vector registers 0, 1 and 2, and stores register 0 to x.
#define TERN_RUN(instruction, x, y, z)                                       \
  asm volatile(                                                              \
      ".arch armv8.2-a+fp16+dotprod+i8mm+bf16+sve2\n"                        \
      "ldr q0, %0\n ldr q1, %1\n ldr q2, %2\n" instruction "\n str q0, %0\n" \
      : "+m"(x)                                                              \
      : "m"(y), "m"(z)                                                       \
      : "v0", "v1", "v2")

// sums[i] and four products of signed bytes, of each i.
Words quad_products() {
  Words result = sums;
  for (int i = 0; i < 16; ++i) result[i / 4] += a_bytes[i] * b_bytes[i];
  return result;
}

bool run_neon() {
  std::array<int16_t, 8> x = {1, -1, 100, -100, 0, 5, 6, 7}, expected = x;
  for (int i = 0; i < 8; ++i) expected[i] = static_cast<int16_t>(expected[i] + a_bytes[i] * b_bytes[i]);
  TERN_RUN("smlal v0.8h, v1.8b, v2.8b", x, a_bytes, b_bytes);
  return x == expected;
}

bool run_fp16() {
  Halves x = {}, a, b, expected;
  for (int i = 0; i < 8; ++i) {
    a[i] = ir::f32_to_f16(static_cast<float>(i) - 3.5f);
    b[i] = ir::f32_to_f16(static_cast<float>(40 * i));
    expected[i] = ir::f32_to_f16(41.0f * static_cast<float>(i) - 3.5f);
  }
  TERN_RUN("fadd v0.8h, v1.8h, v2.8h", x, a, b);
  return x == expected;
}

bool run_dotprod() {
  Words x = sums;
  TERN_RUN("sdot v0.4s, v1.16b, v2.16b", x, a_bytes, b_bytes);
  return x == quad_products();
}

bool run_i8mm() {
  // A 2x8 matrix times the transpose of another, added to a 2x2 one.
  Words x = sums, expected = sums;
  for (int i = 0; i < 4; ++i)
    for (int k = 0; k < 8; ++k) expected[i] += a_bytes[i / 2 * 8 + k] * b_bytes[i % 2 * 8 + k];
  TERN_RUN("smmla v0.4s, v1.16b, v2.16b", x, a_bytes, b_bytes);
  return x == expected;
}

bool run_bf16() {
  Halves a, b;
  Floats x = {0.5f, 1.5f, -2.0f, 8.0f}, expected = x;
  for (int i = 0; i < 8; ++i) {
    a[i] = ir::f32_to_bf16(static_cast<float>(i - 3));
    b[i] = ir::f32_to_bf16(static_cast<float>(5 * i));
    expected[i / 2] += static_cast<float>((i - 3) * 5 * i);  // exact: halves of small integers
  }
  TERN_RUN("bfdot v0.4s, v1.8h, v2.8h", x, a, b);
  return x == expected;
}

bool run_sve() {
  Words x = sums;
  TERN_RUN("sdot z0.s, z1.b, z2.b", x, a_bytes, b_bytes);
  return x == quad_products();
}

bool run_sve2() {
  std::array<int16_t, 8> x = {1, -1, 100, -100, 0, 5, 6, 7}, expected = x;
  for (int i = 0; i < 8; ++i)
    expected[i] = static_cast<int16_t>(expected[i] + a_bytes[2 * i] * b_bytes[2 * i]);
  TERN_RUN("smlalb z0.h, z1.b, z2.b", x, a_bytes, b_bytes);
  return x == expected;
}

}  // namespace

constexpr Probe neon = {hwcap<HWCAP_ASIMD>, run_neon};
constexpr Probe fp16 = {hwcap<HWCAP_FPHP | HWCAP_ASIMDHP>, run_fp16};
constexpr Probe dotprod = {hwcap<HWCAP_ASIMDDP>, run_dotprod};
constexpr Probe i8mm = {hwcap2<HWCAP2_I8MM>, run_i8mm};
constexpr Probe bf16 = {hwcap2<HWCAP2_BF16>, run_bf16};
constexpr Probe sve = {hwcap<HWCAP_SVE>, run_sve};
constexpr Probe sve2 = {hwcap2<HWCAP2_SVE2>, run_sve2};

}  // namespace tern::targets::arm

#endif
