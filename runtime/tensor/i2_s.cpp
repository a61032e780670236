#include "runtime/tensor/i2_s.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/tensor/bytes.h"

namespace tern::runtime {
namespace {

constexpr uint64_t low_bits = 0x5555555555555555u;  // the lower bit of each code; also 32 codes of weight 0

// Eight bytes from `at`. Past the end the codes are 1, so that no search stops there.
uint64_t word_at(std::span<const std::byte> codes, size_t at) {
  uint64_t word = low_bits;
  std::memcpy(&word, codes.data() + at, std::min<size_t>(8, codes.size() - at));
  return word;
}

// A code is 3 where both its bits are set.
bool has_bad_code(std::span<const std::byte> codes) {
  uint64_t found = 0;
  size_t at = 0;
  for (; at + 8 <= codes.size(); at += 8) {  // no branch inside: this is what lets it become vector code
    uint64_t word;
    std::memcpy(&word, codes.data() + at, 8);
    found |= word & word >> 1;
  }
  if (at < codes.size()) {
    const uint64_t word = word_at(codes, at);
    found |= word & word >> 1;
  }
  return (found & low_bits) != 0;
}

}  // namespace

std::optional<uint64_t> find_bad_code(std::span<const std::byte> codes, I2sOrder order) {
  constexpr size_t piece = 1 << 16;
  for (size_t start = 0; start < codes.size(); start += piece) {
    const auto part = codes.subspan(start, std::min(piece, codes.size() - start));
    if (!has_bad_code(part)) continue;
    for (size_t i = 0; i < part.size(); ++i) {
      for (unsigned shift = 8; shift > 0;) {
        shift -= 2;
        if ((static_cast<unsigned>(part[i]) >> shift & 3u) == 3u)
          return element_at({start + i, shift}, order);
      }
    }
  }
  return std::nullopt;
}

void read_codes(std::span<const std::byte> codes, uint64_t first, I2sOrder order, std::span<int8_t> numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    const CodeBits bits = bits_of(first + i, order);
    numbers[i] = static_cast<int8_t>((load<uint8_t>(codes.data() + bits.byte) >> bits.shift & 3) - 1);
  }
}

bool all_zero(std::span<const std::byte> codes) {
  for (size_t at = 0; at < codes.size(); at += 8) {
    if (word_at(codes, at) != low_bits) return false;
  }
  return true;
}

CodeCounts count_codes(std::span<const std::byte> codes) {
  CodeCounts counts;
  for (size_t at = 0; at < codes.size(); at += 8) {
    const uint64_t word = word_at(codes, at);
    const uint64_t low = word & low_bits, high = word >> 1 & low_bits;
    counts.bad += static_cast<uint64_t>(std::popcount(low & high));
    counts.zero += static_cast<uint64_t>(std::popcount(low & ~high));
    counts.plus += static_cast<uint64_t>(std::popcount(high & ~low));
  }
  const size_t padding = (8 - codes.size() % 8) % 8;  // word_at's, counted as zeros
  counts.zero -= 4 * padding;
  counts.minus = 4 * codes.size() - counts.zero - counts.plus - counts.bad;
  return counts;
}

namespace {

constexpr uint32_t tail_bytes = 32;  // the scale, and 28 bytes without meaning

ir::Layout layout(I2sOrder order) {
  switch (order) {
    case I2sOrder::blocks_of_128: return ir::i2s_layout();
    case I2sOrder::blocks_of_64: break;
  }
  return ir::i2s_64_layout();
}

}  // namespace

constinit const TensorTypeInfo i2_s_type = {
    .type = TensorType::i2_s,
    .name = "I2_S",
    .size_rule = SizeRule::flat,
    .block_elements = 4,
    .block_bytes = 1,
    .tail_bytes = tail_bytes,
    .file_type = 40,
    .weights = {ir::Element::trit, ir::Scaling::tensor},
    .find_bad = [](std::span<const std::byte> data, uint64_t,
                   I2sOrder order) { return find_bad_code(data, order); },
    .fault = "holds the code 3, which stands for no weight,",
    .layout = layout,
    .layout_elements = block_elements,
    .read_scale = [](std::span<const std::byte> tail) { return load<float>(tail.data()); },
    .all_zero = all_zero,
    .count_codes = count_codes};

}  // namespace tern::runtime
