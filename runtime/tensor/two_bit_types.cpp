// Types whose codes have two bits, 0, 1, 2 and 3 for the weights -1, 0, +1 and +2, with an f16 scale for each
// block: Q2_0 (64 weights) and PQ2_0 (128) of PrismML and ggml, TQ2_0 (256) of ggml. Whether +2 occurs is
// for the reader to find out: no trained model is known to have it.
#include "runtime/tensor/number_rows.h"

namespace tern::runtime {
namespace {

// f16 d, then the codes, four to a byte in the order of the weights, the first in the lowest bits.
template <size_t group>
struct InOrder {
  static constexpr size_t elements = group, bytes = 2 + group / 4, scale_at = 0;
  static void read(const std::byte* block, int8_t* numbers) {
    for (size_t i = 0; i < group / 4; ++i) {
      const auto codes = load<uint8_t>(block + 2 + i);
      for (size_t j = 0; j < 4; ++j) numbers[4 * i + j] = static_cast<int8_t>((codes >> 2 * j & 3) - 1);
    }
  }
  static void write(const int8_t* numbers, std::byte* block) {
    for (size_t i = 0; i < group / 4; ++i) {
      unsigned codes = 0;
      for (size_t j = 0; j < 4; ++j) codes |= static_cast<unsigned>(numbers[4 * i + j] + 1) << 2 * j;
      block[2 + i] = static_cast<std::byte>(codes);
    }
  }
  static bool has_two(const std::byte* block) { return has_code_three(block + 2, group / 4); }
};

// The codes, then f16 d. Byte m of a half (32 bytes for 128 weights) holds its weights m, m + 32, m + 64 and
// m + 96, the first in the lowest bits.
struct Tq2 {
  static constexpr size_t elements = 256, bytes = 66, scale_at = 64;
  static void read(const std::byte* block, int8_t* numbers) {
    for (size_t half = 0; half < 2; ++half) {
      for (size_t lane = 0; lane < 4; ++lane) {
        for (size_t m = 0; m < 32; ++m)
          numbers[half * 128 + lane * 32 + m] =
              static_cast<int8_t>((load<uint8_t>(block + half * 32 + m) >> 2 * lane & 3) - 1);
      }
    }
  }
  static void write(const int8_t* numbers, std::byte* block) {
    for (size_t half = 0; half < 2; ++half) {
      for (size_t m = 0; m < 32; ++m) {
        unsigned codes = 0;
        for (size_t lane = 0; lane < 4; ++lane)
          codes |= static_cast<unsigned>(numbers[half * 128 + lane * 32 + m] + 1) << 2 * lane;
        block[half * 32 + m] = static_cast<std::byte>(codes);
      }
    }
  }
  static bool has_two(const std::byte* block) { return has_code_three(block, 64); }
};

}  // namespace

constinit const TensorTypeInfo q2_0_type =
    number_type<InOrder<64>, ir::Element::i2>(TensorType::q2_0, "Q2_0", 41);
constinit const TensorTypeInfo pq2_0_type =
    number_type<InOrder<128>, ir::Element::i2>(TensorType::pq2_0, "PQ2_0", 141);
constinit const TensorTypeInfo tq2_0_type = number_type<Tq2, ir::Element::i2>(TensorType::tq2_0, "TQ2_0", 37);

}  // namespace tern::runtime
