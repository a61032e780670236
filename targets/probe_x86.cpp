// The probes of x86. Inline assembly, because it says exactly which instruction runs and needs no compiler
// flags; each probe compares all lanes with the same thing computed plainly. CPUID bits and state components
// are those of the Intel 64 and IA-32 Architectures Software Developer's Manual, volumes 1 (chapters 13, 18)
// and 2.
#if defined(__x86_64__)

#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "ir/half.h"
#include "targets/probe.h"

namespace tern::targets::x86 {
namespace {

// ---- What the CPU and the operating system say.

enum CpuidRegister { eax, ebx, ecx, edx };

template <unsigned leaf, unsigned subleaf, CpuidRegister source, unsigned bit>
bool cpuid() {
  std::array<unsigned, 4> registers = {};
  if (!__get_cpuid_count(leaf, subleaf, &registers[eax], &registers[ebx], &registers[ecx], &registers[edx]))
    return false;
  return (registers[source] >> bit & 1) != 0;
}

// Whether the operating system saves all these state components (bits of XCR0) when it switches threads.
bool saves_state(uint64_t components) {
  if (!cpuid<1, 0, ecx, 27>()) return false;  // OSXSAVE: else XGETBV is illegal
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const uint64_t enabled = uint64_t{high} << 32 | low;
  return (enabled & components) == components;
}

bool offers_avx() {
  return cpuid<1, 0, ecx, 28>() && saves_state(0x6);
}  // XMM, YMM
bool offers_avx512f() {
  return cpuid<7, 0, ebx, 16>() && saves_state(0xe6);
}  // and masks, both halves of ZMM

// Linux enables tile data (state component 18) for a process that asks.
bool offers_amx_tile() {
  return cpuid<7, 0, edx, 24>() && saves_state(0x60000) &&
         syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, 18) == 0;
}

// ---- Operands.

struct alignas(64) Vector {
  std::array<uint8_t, 64> bytes = {};

  template <class T>
  T lane(int i) const {
    T value;
    std::memcpy(&value, &bytes[i * sizeof(T)], sizeof(T));
    return value;
  }
};

// A vector whose lane i is value(i).
template <class T>
Vector lanes(T (*value)(int)) {
  Vector result;
  for (int i = 0; i < static_cast<int>(64 / sizeof(T)); ++i) {
    const T lane = value(i);
    std::memcpy(&result.bytes[i * sizeof(T)], &lane, sizeof(T));
  }
  return result;
}

// Bytes of every size and sign, another sequence for every seed.
template <int seed>
Vector mixed() {
  return lanes<uint8_t>([](int i) { return static_cast<uint8_t>(i * 83 + seed * 29 + (i * i >> 3)); });
}

// Whether each T in the first `bits` of `result` is expected(i).
template <class T, class Expected>
bool all_equal(const Vector& result, int bits, Expected expected) {
  for (int i = 0; i < static_cast<int>(bits / 8 / sizeof(T)); ++i)
    if (result.lane<T>(i) != expected(i)) return false;
  return true;
}

// These run one instruction with x, y and z in registers 0, 1 and 2, and store register 0 to x. (AT&T order:
// the destination is last, the second source first.)
#define TERN_RUN_XMM(instruction, x, y)                                                        \
  asm volatile("movups %0, %%xmm0\n movups %1, %%xmm1\n " instruction "\n movups %%xmm0, %0\n" \
               : "+m"(x)                                                                       \
               : "m"(y)                                                                        \
               : "xmm0", "xmm1")
#define TERN_RUN_WIDE(width, instruction, x, y, z)                                          \
  asm volatile("vmovups %0, %%" width "0\n vmovups %1, %%" width "1\n vmovups %2, %%" width \
               "2\n " instruction "\n vmovups %%" width "0, %0\n vzeroupper\n"              \
               : "+m"(x)                                                                    \
               : "m"(y), "m"(z)                                                             \
               : "xmm0", "xmm1", "xmm2")
#define TERN_RUN_YMM(instruction, x, y, z) TERN_RUN_WIDE("ymm", instruction, x, y, z)
#define TERN_RUN_ZMM(instruction, x, y, z) TERN_RUN_WIDE("zmm", instruction, x, y, z)

// ---- What the instructions mean.

// pmaddubsw: two products of unsigned and signed bytes, added with saturation.
int16_t pair_product(const Vector& a, const Vector& b, int i) {
  const int sum =
      a.lane<uint8_t>(2 * i) * b.lane<int8_t>(2 * i) + a.lane<uint8_t>(2 * i + 1) * b.lane<int8_t>(2 * i + 1);
  return static_cast<int16_t>(std::clamp(sum, -32768, 32767));
}

// vpdpbusd and its kin: four products of bytes, added to a 32-bit lane.
template <class A>
int32_t quad_product(const Vector& sum, const Vector& a, const Vector& b, int i) {
  int32_t result = sum.lane<int32_t>(i);
  for (int j = 4 * i; j < 4 * i + 4; ++j) result += a.lane<A>(j) * b.lane<int8_t>(j);
  return result;
}

// A start for such sums that cannot overflow.
Vector small_sums() {
  return lanes<int32_t>([](int i) { return 1000003 * (i - 7); });
}

// gf2p8mulb: the product of two polynomials over GF(2) modulo x^8 + x^4 + x^3 + x + 1.
uint8_t polynomial_product(unsigned a, unsigned b) {
  unsigned product = 0;
  for (; b != 0; b >>= 1, a = a << 1 ^ (a & 0x80 ? 0x11b : 0))
    if (b & 1) product ^= a;
  return static_cast<uint8_t>(product);
}

// ---- SSE and general registers.

bool run_sse2() {
  const Vector a = mixed<1>(), b = mixed<2>();
  Vector x = a;
  TERN_RUN_XMM("paddd %%xmm1, %%xmm0", x, b);
  return all_equal<uint32_t>(x, 128, [&](int i) { return a.lane<uint32_t>(i) + b.lane<uint32_t>(i); });
}

bool run_ssse3() {
  const Vector a = mixed<1>(), b = mixed<2>();
  Vector x = a;
  TERN_RUN_XMM("pmaddubsw %%xmm1, %%xmm0", x, b);
  return all_equal<int16_t>(x, 128, [&](int i) { return pair_product(a, b, i); });
}

bool run_sse4_1() {
  const Vector a = mixed<1>(), b = mixed<2>();
  Vector x = a;
  TERN_RUN_XMM("pmulld %%xmm1, %%xmm0", x, b);
  return all_equal<uint32_t>(x, 128, [&](int i) { return a.lane<uint32_t>(i) * b.lane<uint32_t>(i); });
}

bool run_sse4_2() {
  const Vector a = lanes<int64_t>([](int i) { return i == 0 ? int64_t{1} << 40 : int64_t{-5}; });
  const Vector b = lanes<int64_t>([](int i) { return i == 0 ? int64_t{1} << 39 : int64_t{-5}; });
  Vector x = a;
  TERN_RUN_XMM("pcmpgtq %%xmm1, %%xmm0", x, b);
  return all_equal<int64_t>(x, 128, [&](int i) { return a.lane<int64_t>(i) > b.lane<int64_t>(i) ? -1 : 0; });
}

bool run_popcnt() {
  const uint64_t source = 0x8000f00000000105;
  uint64_t count = 0;
  asm volatile("popcnt %1, %0" : "=r"(count) : "r"(source) : "cc");
  return count == 8;
}

bool run_bmi2() {
  const uint64_t source = 0b1011, mask = 0x8000000000000230;
  uint64_t deposited = 0;
  asm volatile("pdep %2, %1, %0" : "=r"(deposited) : "r"(source), "r"(mask));
  return deposited == 0x8000000000000030;
}

bool run_gfni() {
  const Vector a = mixed<1>(), b = mixed<2>();
  Vector x = a;
  TERN_RUN_XMM("gf2p8mulb %%xmm1, %%xmm0", x, b);
  return all_equal<uint8_t>(x, 128, [&](int i) { return polynomial_product(a.bytes[i], b.bytes[i]); });
}

// ---- AVX.

bool run_avx() {
  const Vector a = lanes<float>([](int i) { return static_cast<float>(i) + 0.5f; });
  const Vector b = lanes<float>([](int i) { return static_cast<float>(100 * i); });
  Vector x;
  TERN_RUN_YMM("vaddps %%ymm2, %%ymm1, %%ymm0", x, a, b);
  return all_equal<float>(x, 256, [&](int i) { return a.lane<float>(i) + b.lane<float>(i); });
}

bool run_avx2() {
  const Vector a = mixed<1>(), b = mixed<2>();
  Vector x;
  TERN_RUN_YMM("vpmaddubsw %%ymm2, %%ymm1, %%ymm0", x, a, b);
  return all_equal<int16_t>(x, 256, [&](int i) { return pair_product(a, b, i); });
}

bool run_f16c() {
  const Vector a = lanes<uint16_t>([](int i) { return static_cast<uint16_t>(0x0001 + 0x0e11 * i); });
  Vector x;
  TERN_RUN_YMM("vcvtph2ps %%xmm1, %%ymm0", x, a, a);
  return all_equal<float>(x, 256, [&](int i) { return ir::f16_to_f32(a.lane<uint16_t>(i)); });
}

bool run_fma() {
  // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: the last term survives only if the product is not rounded.
  const Vector a = lanes<float>([](int) { return 1.0f + 0x1p-12f; });
  Vector x = lanes<float>([](int) { return -1.0f - 0x1p-11f; });
  TERN_RUN_YMM("vfmadd231ps %%ymm2, %%ymm1, %%ymm0", x, a, a);
  return all_equal<float>(x, 256, [](int) { return 0x1p-24f; });
}

bool run_avxvnni() {
  const Vector sum = small_sums(), a = mixed<1>(), b = mixed<2>();
  Vector x = sum;
  TERN_RUN_YMM("%{vex%} vpdpbusd %%ymm2, %%ymm1, %%ymm0", x, a, b);
  return all_equal<int32_t>(x, 256, [&](int i) { return quad_product<uint8_t>(sum, a, b, i); });
}

bool run_avxvnniint8() {
  const Vector sum = small_sums(), a = mixed<1>(), b = mixed<2>();
  Vector x = sum;
  TERN_RUN_YMM("vpdpbssd %%ymm2, %%ymm1, %%ymm0", x, a, b);
  return all_equal<int32_t>(x, 256, [&](int i) { return quad_product<int8_t>(sum, a, b, i); });
}

// ---- AVX-512.

bool run_avx512f() {
  const Vector a = mixed<1>(), b = mixed<2>();
  Vector x;
  TERN_RUN_ZMM("vpaddd %%zmm2, %%zmm1, %%zmm0", x, a, b);
  return all_equal<uint32_t>(x, 512, [&](int i) { return a.lane<uint32_t>(i) + b.lane<uint32_t>(i); });
}

bool run_avx512cd() {
  const Vector a = lanes<uint32_t>([](int i) { return 0x12345678u >> 2 * i; });
  Vector x;
  TERN_RUN_ZMM("vplzcntd %%zmm1, %%zmm0", x, a, a);
  return all_equal<int32_t>(x, 512, [&](int i) { return std::countl_zero(a.lane<uint32_t>(i)); });
}

bool run_avx512bw() {
  const Vector a = mixed<1>(), b = mixed<2>();
  Vector x;
  TERN_RUN_ZMM("vpmaddubsw %%zmm2, %%zmm1, %%zmm0", x, a, b);
  return all_equal<int16_t>(x, 512, [&](int i) { return pair_product(a, b, i); });
}

bool run_avx512dq() {
  const Vector a = mixed<1>(), b = mixed<2>();
  Vector x;
  TERN_RUN_ZMM("vpmullq %%zmm2, %%zmm1, %%zmm0", x, a, b);
  return all_equal<uint64_t>(x, 512, [&](int i) { return a.lane<uint64_t>(i) * b.lane<uint64_t>(i); });
}

bool run_avx512vl() {
  const Vector a = mixed<1>(), b = mixed<2>(), c = mixed<3>();
  Vector x = a;
  TERN_RUN_YMM("vpternlogd $0x96, %%ymm2, %%ymm1, %%ymm0", x, b, c);  // 0x96: exclusive or of the three
  return all_equal<uint8_t>(x, 256, [&](int i) { return a.bytes[i] ^ b.bytes[i] ^ c.bytes[i]; });
}

bool run_avx512vnni() {
  const Vector sum = small_sums(), a = mixed<1>(), b = mixed<2>();
  Vector x = sum;
  TERN_RUN_ZMM("vpdpbusd %%zmm2, %%zmm1, %%zmm0", x, a, b);
  return all_equal<int32_t>(x, 512, [&](int i) { return quad_product<uint8_t>(sum, a, b, i); });
}

bool run_avx512vbmi() {
  const Vector index = mixed<1>(), source = mixed<2>();
  Vector x;
  TERN_RUN_ZMM("vpermb %%zmm2, %%zmm1, %%zmm0", x, index, source);
  return all_equal<uint8_t>(x, 512, [&](int i) { return source.bytes[index.bytes[i] & 63]; });
}

bool run_avx512vbmi2() {
  const Vector high = mixed<1>(), low = mixed<2>(), shift = mixed<3>();
  Vector x = high;
  TERN_RUN_ZMM("vpshldvd %%zmm2, %%zmm1, %%zmm0", x, low, shift);
  return all_equal<uint32_t>(x, 512, [&](int i) {
    const uint64_t joined = uint64_t{high.lane<uint32_t>(i)} << 32 | low.lane<uint32_t>(i);
    return static_cast<uint32_t>(joined << (shift.lane<uint32_t>(i) & 31) >> 32);
  });
}

bool run_avx512bf16() {
  const Vector a = lanes<uint16_t>([](int i) { return ir::f32_to_bf16(static_cast<float>(i - 9)); });
  const Vector b = lanes<uint16_t>([](int i) { return ir::f32_to_bf16(static_cast<float>(3 * i)); });
  const Vector sum = lanes<float>([](int i) { return 0.5f * static_cast<float>(i); });
  Vector x = sum;
  TERN_RUN_ZMM("vdpbf16ps %%zmm2, %%zmm1, %%zmm0", x, a, b);
  return all_equal<float>(x, 512, [&](int i) {  // exact: halves of small integers
    const int products = (2 * i - 9) * 6 * i + (2 * i - 8) * (6 * i + 3);
    return sum.lane<float>(i) + static_cast<float>(products);
  });
}

bool run_avx512fp16() {
  const Vector a = lanes<uint16_t>([](int i) { return ir::f32_to_f16(static_cast<float>(i) - 7.5f); });
  const Vector b = lanes<uint16_t>([](int i) { return ir::f32_to_f16(static_cast<float>(40 * i)); });
  Vector x;
  TERN_RUN_ZMM("vaddph %%zmm2, %%zmm1, %%zmm0", x, a, b);
  return all_equal<uint16_t>(x, 512,
                             [](int i) { return ir::f32_to_f16(41.0f * static_cast<float>(i) - 7.5f); });
}

// ---- AMX.

using Tile = std::array<Vector, 16>;  // 16 rows of 64 bytes

// What LDTILECFG reads: palette 1, and tiles 0 to 2 of full size.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  std::array<uint8_t, 14> reserved = {};
  std::array<uint16_t, 16> row_bytes = {64, 64, 64};
  std::array<uint8_t, 16> rows = {16, 16, 16};
};
static_assert(sizeof(TileConfiguration) == 64);

// Runs one instruction with c, a and b in tiles 0, 1 and 2, and stores tile 0 to c.
#define TERN_RUN_TILES(instruction, c, a, b)                                                    \
  asm volatile(                                                                                 \
      "ldtilecfg %0\n tileloadd (%1,%4,1), %%tmm0\n tileloadd (%2,%4,1), %%tmm1\n "             \
      "tileloadd (%3,%4,1), %%tmm2\n " instruction                                              \
      "\n tilestored %%tmm0, (%1,%4,1)\n"                                                       \
      "tilerelease\n"                                                                           \
      :                                                                                         \
      : "m"(configuration), "r"((c).data()), "r"((a).data()), "r"((b).data()), "r"(int64_t{64}) \
      : "memory")

bool run_amx_tile() {
  const TileConfiguration configuration;
  Tile a, c;
  for (int i = 0; i < 16; ++i) a[i] = i % 2 == 0 ? mixed<1>() : mixed<2>();
  TERN_RUN_TILES("tileloadd (%2,%4,1), %%tmm0", c, a, a);
  return std::ranges::equal(a, c, {}, &Vector::bytes, &Vector::bytes);
}

bool run_amx_int8() {
  const TileConfiguration configuration;
  Tile a, b, c;
  for (int i = 0; i < 16; ++i) {
    a[i] = i % 2 == 0 ? mixed<1>() : mixed<2>();
    b[i] = i % 3 == 0 ? mixed<3>() : mixed<4>();
    c[i] = small_sums();
  }
  TERN_RUN_TILES("tdpbssd %%tmm2, %%tmm1, %%tmm0", c, a, b);
  for (int row = 0; row < 16; ++row) {
    const bool is_right = all_equal<int32_t>(c[row], 512, [&](int column) {
      int32_t sum = small_sums().lane<int32_t>(column);
      for (int k = 0; k < 64; ++k) sum += a[row].lane<int8_t>(k) * b[k / 4].lane<int8_t>(4 * column + k % 4);
      return sum;
    });
    if (!is_right) return false;
  }
  return true;
}

bool run_amx_bf16() {
  const TileConfiguration configuration;
  Tile a, b, c;
  a.fill(lanes<uint16_t>([](int i) { return ir::f32_to_bf16(static_cast<float>(i % 7 - 3)); }));
  b.fill(lanes<uint16_t>([](int i) { return ir::f32_to_bf16(static_cast<float>(i)); }));
  TERN_RUN_TILES("tdpbf16ps %%tmm2, %%tmm1, %%tmm0", c, a, b);
  return all_equal<float>(c[15], 512, [](int column) {  // exact: small integers
    int sum = 0;
    for (int k = 0; k < 32; ++k) sum += (k % 7 - 3) * (2 * column + k % 2);
    return static_cast<float>(sum);
  });
}

}  // namespace

constexpr Probe sse2 = {cpuid<1, 0, edx, 26>, run_sse2};
constexpr Probe ssse3 = {cpuid<1, 0, ecx, 9>, run_ssse3};
constexpr Probe sse4_1 = {cpuid<1, 0, ecx, 19>, run_sse4_1};
constexpr Probe sse4_2 = {cpuid<1, 0, ecx, 20>, run_sse4_2};
constexpr Probe popcnt = {cpuid<1, 0, ecx, 23>, run_popcnt};
constexpr Probe avx = {offers_avx, run_avx};
constexpr Probe avx2 = {cpuid<7, 0, ebx, 5>, run_avx2};
constexpr Probe f16c = {cpuid<1, 0, ecx, 29>, run_f16c};
constexpr Probe fma = {cpuid<1, 0, ecx, 12>, run_fma};
constexpr Probe bmi2 = {cpuid<7, 0, ebx, 8>, run_bmi2};
constexpr Probe gfni = {cpuid<7, 0, ecx, 8>, run_gfni};
constexpr Probe avxvnni = {cpuid<7, 1, eax, 4>, run_avxvnni};
constexpr Probe avxvnniint8 = {cpuid<7, 1, edx, 4>, run_avxvnniint8};
constexpr Probe avx512f = {offers_avx512f, run_avx512f};
constexpr Probe avx512cd = {cpuid<7, 0, ebx, 28>, run_avx512cd};
constexpr Probe avx512bw = {cpuid<7, 0, ebx, 30>, run_avx512bw};
constexpr Probe avx512dq = {cpuid<7, 0, ebx, 17>, run_avx512dq};
constexpr Probe avx512vl = {cpuid<7, 0, ebx, 31>, run_avx512vl};
constexpr Probe avx512vnni = {cpuid<7, 0, ecx, 11>, run_avx512vnni};
constexpr Probe avx512vbmi = {cpuid<7, 0, ecx, 1>, run_avx512vbmi};
constexpr Probe avx512vbmi2 = {cpuid<7, 0, ecx, 6>, run_avx512vbmi2};
constexpr Probe avx512bf16 = {cpuid<7, 1, eax, 5>, run_avx512bf16};
constexpr Probe avx512fp16 = {cpuid<7, 0, edx, 23>, run_avx512fp16};
constexpr Probe amx_tile = {offers_amx_tile, run_amx_tile};
constexpr Probe amx_int8 = {cpuid<7, 0, edx, 25>, run_amx_int8};
constexpr Probe amx_bf16 = {cpuid<7, 0, edx, 22>, run_amx_bf16};

}  // namespace tern::targets::x86

#endif
