// Q1_0 of ggml: f16 d, then a bit for each of 128 weights in their order, the first in the lowest bit:
// 1 stands for +d, 0 for -d.
#include "runtime/tensor/number_rows.h"

namespace tern::runtime {
namespace {

struct Q1 {
  static constexpr size_t elements = 128, bytes = 18, scale_at = 0;
  static void read(const std::byte* block, int8_t* numbers) {
    for (size_t i = 0; i < elements; ++i)
      numbers[i] = (load<uint8_t>(block + 2 + i / 8) >> i % 8 & 1) != 0 ? 1 : -1;
  }
  static void write(const int8_t* numbers, std::byte* block) {
    for (size_t i = 0; i < elements / 8; ++i) {
      unsigned bits = 0;
      for (size_t j = 0; j < 8; ++j) bits |= static_cast<unsigned>(numbers[8 * i + j] > 0) << j;
      block[2 + i] = static_cast<std::byte>(bits);
    }
  }
};

}  // namespace

constinit const TensorTypeInfo q1_0_type = number_type<Q1, ir::Element::sign>(TensorType::q1_0, "Q1_0");

}  // namespace tern::runtime
