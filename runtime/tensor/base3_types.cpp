// Types that hold five trits in a byte (base3.h), with an f16 scale at the end of each block: TQ1_0 of ggml
// (256 weights) and PTQ1_0 of PrismML (128). A block is a few stages, each some bytes that hold the digits
// of five times as many weights, digit by digit; the last stage has bytes of four digits.
#include "runtime/tensor/base3.h"
#include "runtime/tensor/number_rows.h"

namespace tern::runtime {
namespace {

struct Stage {
  size_t first_byte, bytes, digits, first_element;
};

template <size_t count, class Function>
void for_each_byte(const Stage (&stages)[count], const Function& function) {
  for (const Stage& stage : stages) {
    for (size_t m = 0; m < stage.bytes; ++m) function(stage, m);
  }
}

template <class Stages>
struct Staged : Stages {
  static void read(const std::byte* block, int8_t* numbers) {
    for_each_byte(Stages::stages, [&](const Stage& stage, size_t m) {
      const auto byte = load<uint8_t>(block + stage.first_byte + m);
      for (size_t n = 0; n < stage.digits; ++n)
        numbers[stage.first_element + n * stage.bytes + m] = trit_of(byte, n);
    });
  }
  static void write(const int8_t* numbers, std::byte* block) {
    for_each_byte(Stages::stages, [&](const Stage& stage, size_t m) {
      unsigned v = 0;
      for (size_t n = 0; n < stage.digits; ++n)
        v += static_cast<unsigned>(numbers[stage.first_element + n * stage.bytes + m] + 1) *
             power_of_three(4 - n);
      block[stage.first_byte + m] = static_cast<std::byte>(byte_of_number(v));
    });
  }
};

struct Tq1Stages {
  static constexpr size_t elements = 256, bytes = 54, scale_at = 52;
  static constexpr Stage stages[] = {{0, 32, 5, 0}, {32, 16, 5, 160}, {48, 4, 4, 240}};
};

struct Ptq1Stages {
  static constexpr size_t elements = 128, bytes = 28, scale_at = 26;
  static constexpr Stage stages[] = {{0, 16, 5, 0}, {16, 8, 5, 80}, {24, 2, 4, 120}};
};

}  // namespace

constinit const TensorTypeInfo tq1_0_type =
    number_type<Staged<Tq1Stages>, ir::Element::trit>(TensorType::tq1_0, "TQ1_0", 36);
constinit const TensorTypeInfo ptq1_0_type =
    number_type<Staged<Ptq1Stages>, ir::Element::trit>(TensorType::ptq1_0, "PTQ1_0", 143);

}  // namespace tern::runtime
