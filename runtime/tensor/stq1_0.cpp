// STQ1_0 of Tencent ("Sherry"): of every four weights exactly one is 0. A block of 256 weights is 64 groups
// of four lanes, which are 16 weights apart: lane p of group g is weight 64 * (g / 16) + g % 16 + 16 * p. A
// group has a code of four bits (32 bytes, the low nibble first), a sign (8 bytes, the lowest bit first), and
// the block an f16 scale at its end.
//
// A code is 4 * (lane of the zero) + two bits. The first lane that is not zero is +1 if the sign is 0, else
// -1; the bits (the lower for the second such lane, the higher for the third) are 1 where a lane differs from
// it.
#include "runtime/tensor/number_rows.h"

namespace tern::runtime {
namespace {

struct Stq1 {
  static constexpr size_t elements = 256, bytes = 42, scale_at = 40;
  static constexpr size_t groups = 64, signs_at = 32;

  static size_t lane(size_t group, size_t p) { return 64 * (group / 16) + group % 16 + 16 * p; }

  static void read(const std::byte* block, int8_t* numbers) {
    for (size_t group = 0; group < groups; ++group) {
      const unsigned code = load<uint8_t>(block + group / 2) >> group % 2 * 4 & 15;
      const unsigned sign = load<uint8_t>(block + signs_at + group / 8) >> group % 8 & 1;
      const int first = sign != 0 ? -1 : 1;
      unsigned seen = 0;
      for (size_t p = 0; p < 4; ++p) {
        if (p == code / 4) {
          numbers[lane(group, p)] = 0;
          continue;
        }
        const bool differs = seen > 0 && (code >> (seen - 1) & 1) != 0;
        numbers[lane(group, p)] = static_cast<int8_t>(differs ? -first : first);
        ++seen;
      }
    }
  }

  static void write(const int8_t* numbers, std::byte* block) {
    std::fill_n(block, scale_at, std::byte{0});
    for (size_t group = 0; group < groups; ++group) {
      unsigned code = 0, seen = 0;
      int first = 0;
      for (size_t p = 0; p < 4; ++p) {
        const int number = numbers[lane(group, p)];
        if (number == 0) {
          code |= static_cast<unsigned>(p) << 2;
          continue;
        }
        if (seen == 0) first = number;
        if (seen > 0 && number != first) code |= 1u << (seen - 1);
        ++seen;
      }
      block[group / 2] |= static_cast<std::byte>(code << group % 2 * 4);
      block[signs_at + group / 8] |= static_cast<std::byte>(static_cast<unsigned>(first < 0) << group % 8);
    }
  }
};

// Rows of floats cannot be rounded to one zero in four without a choice that no model asks for.
constexpr TensorTypeInfo record() {
  TensorTypeInfo type = number_type<Stq1, ir::Element::trit>(TensorType::stq1_0, "STQ1_0");
  type.encode = nullptr;
  type.one_zero_in_four = true;
  return type;
}

}  // namespace

constinit const TensorTypeInfo stq1_0_type = record();

}  // namespace tern::runtime
