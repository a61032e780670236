// I2_S, the ternary format of bitnet.cpp: 2-bit codes 0, 1, 2 for the weights -1, 0, +1, four a byte, with
// one f32 scale behind the codes of the whole matrix (at byte n*k/4; 28 bytes without meaning follow it).
//
// The matrix is flattened row by row, also where rows are not whole blocks. In a block of 128 elements, byte
// p holds the elements p, p+32, p+64 and p+96, the first in the highest bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// How many elements a block holds: 128, or 64 (byte p: elements p, p+16, p+32, p+48) in files that bitnet.cpp
// quantised on ARM since November 2025. Nothing in a file says which.
enum class I2sOrder { blocks_of_128, blocks_of_64 };

constexpr uint64_t block_elements(I2sOrder order) {
  return order == I2sOrder::blocks_of_128 ? 128 : 64;
}

// The bits that hold an element of the flattened matrix: bits shift+1 and shift of a byte.
struct CodeBits {
  uint64_t byte;
  unsigned shift;
};
constexpr CodeBits bits_of(uint64_t element, I2sOrder order) {
  const uint64_t block = block_elements(order), lanes = block / 4, within = element % block;
  return {element / block * lanes + within % lanes, static_cast<unsigned>(6 - 2 * (within / lanes))};
}

// The flattened element at a byte and a shift: the inverse of bits_of.
constexpr uint64_t element_at(CodeBits bits, I2sOrder order) {
  const uint64_t block = block_elements(order), lanes = block / 4;
  return bits.byte / lanes * block + (6 - bits.shift) / 2 * lanes + bits.byte % lanes;
}

// The first element, in file order, whose code is 3, which stands for nothing; none if all codes are good.
// Runs at the speed of memory.
std::optional<uint64_t> find_bad_code(std::span<const std::byte> codes, I2sOrder order);

// Whether every weight is 0. Fast where it is false, as the first bytes then tell.
bool all_zero(std::span<const std::byte> codes);

// The weights of numbers.size() elements of the flattened matrix from `first` on: code - 1.
void read_codes(std::span<const std::byte> codes, uint64_t first, I2sOrder order, std::span<int8_t> numbers);

// `bad` counts codes of 3.
CodeCounts count_codes(std::span<const std::byte> codes);

}  // namespace tern::runtime
