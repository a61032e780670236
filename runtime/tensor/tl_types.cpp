// TL1 and TL2, the types of bitnet.cpp's look-up kernels for ARM and x86: tiles of rows and columns whose
// sizes the files do not hold (tile_sizes.h), with one f32 scale for the matrix. Both are read as I2_S.
// Source: microsoft/BitNet, utils/codegen_tl1.py, codegen_tl2.py and convert-hf-to-gguf-bitnet.py.
#include <limits>

#include "runtime/tensor/bytes.h"
#include "runtime/tensor/i2_s.h"
#include "runtime/tensor/tile_sizes.h"

namespace tern::runtime {
namespace {

constexpr uint64_t tail = 32;  // the scale, and bytes without meaning

// Writes codes 0, 1, 2 for weights -1, 0, +1 into zeros, as I2_S has them, and keeps the first bad place.
class CodeWriter {
 public:
  CodeWriter(std::span<std::byte> to, uint64_t k) : to_(to), k_(k) {}

  void put(uint64_t row, uint64_t column, unsigned code) {
    const CodeBits bits = bits_of(row * k_ + column, I2sOrder::blocks_of_128);
    to_[bits.byte] |= static_cast<std::byte>(code << bits.shift);
  }
  // A pair of columns as 3 * code + code, 0 to 8.
  void put_pair(uint64_t row, uint64_t column, unsigned pair) {
    if (pair > 8) return note_bad(row, column);
    put(row, column, pair / 3);
    put(row, column + 1, pair % 3);
  }
  void note_bad(uint64_t row, uint64_t column) {
    if (!bad_) bad_ = row * k_ + column;
  }
  std::optional<uint64_t> bad() const { return bad_; }

 private:
  std::span<std::byte> to_;
  const uint64_t k_;
  std::optional<uint64_t> bad_;
};

unsigned high_nibble(std::byte byte) {
  return std::to_integer<unsigned>(byte) >> 4;
}
unsigned low_nibble(std::byte byte) {
  return std::to_integer<unsigned>(byte) & 15;
}

// A byte is two pairs of columns of one row, the first in the high bits.
std::optional<uint64_t> read_tl1(std::span<const std::byte> data, const TileSizes& t,
                                 std::span<std::byte> to) {
  CodeWriter writer(to, t.k);
  const std::byte* from = data.data();
  const uint64_t inner_columns = 256 / t.inner_rows;
  for (uint64_t row = 0; row < t.n; row += t.rows) {
    for (uint64_t column = 0; column < t.k; column += t.columns) {
      for (uint64_t r = row; r < row + t.rows; r += t.inner_rows) {
        for (uint64_t c = column; c < column + t.columns; c += inner_columns) {
          for (uint64_t r16 = r; r16 < r + t.inner_rows; r16 += 16) {
            for (uint64_t c4 = c; c4 < c + inner_columns; c4 += 4) {
              for (uint64_t i = r16; i < r16 + 16; ++i, ++from) {
                writer.put_pair(i, c4, high_nibble(*from));
                writer.put_pair(i, c4 + 2, low_nibble(*from));
              }
            }
          }
        }
      }
    }
  }
  store(load<float>(from), to.data() + t.n * t.k / 4);
  return writer.bad();
}

constexpr uint64_t inner_rows = 32;  // of TL2

// Of 32 rows, the second and the third eight change places.
uint64_t row_at(uint64_t j) {
  return j / 8 == 1 ? j + 8 : j / 8 == 2 ? j - 8 : j;
}

// Bytes of a TL2 matrix in front of its scale, as bitnet.cpp reserves them: enough for up to 256 columns of
// pairs. k is at least 256.
std::optional<uint64_t> tl2_codes(uint64_t n, uint64_t k) {
  uint64_t triples = 0;
  if (__builtin_mul_overflow(k - 256, n, &triples) || triples > std::numeric_limits<int64_t>::max() / 8)
    return std::nullopt;
  return (triples / 3 * 5 / 8 + 256 * n / 2 * 4 / 8 + 31) / 32 * 32;
}

// The columns of whole tiles lie in triples of weights, 9 a + 3 b + c: first their magnitudes, four bits
// each, then their signs; the rest in pairs as in TL1, in tiles of 32 columns.
class Tl2Reader {
 public:
  Tl2Reader(std::span<const std::byte> data, const TileSizes& t, std::span<std::byte> to)
      : data_(data), t_(t), triple_columns_(t.k / t.columns * t.columns), to_(to), writer_(to, t.k) {}

  std::optional<uint64_t> run() {
    read_triples();
    read_pairs();
    store(load<float>(data_.data() + *tl2_codes(t_.n, t_.k)), to_.data() + t_.n * t_.k / 4);
    return writer_.bad();
  }

 private:
  void put_triple(uint64_t row, uint64_t column, unsigned magnitude, bool is_negative) {
    if (magnitude > 13 || (magnitude == 0 && is_negative)) return writer_.note_bad(row, column);
    const unsigned codes = is_negative ? 13 - magnitude : 13 + magnitude;
    writer_.put(row, column, codes / 9);
    writer_.put(row, column + 1, codes / 3 % 3);
    writer_.put(row, column + 2, codes % 3);
  }

  // Both sections have the same order of pieces of 32 rows and 24 columns: 128 bytes of magnitudes, and 16
  // words of signs.
  void read_triples() {
    const std::byte* magnitudes = data_.data();
    const std::byte* signs = magnitudes + t_.n * triple_columns_ / 6;
    for (uint64_t row = 0; row < t_.n; row += t_.rows) {
      for (uint64_t column = 0; column < triple_columns_; column += t_.columns) {
        for (uint64_t r = row; r < row + t_.rows; r += inner_rows) {
          for (uint64_t c = column; c < column + t_.columns; c += 24, magnitudes += 128, signs += 32)
            read_piece(r, c, magnitudes, signs);
        }
      }
    }
  }

  void read_piece(uint64_t row, uint64_t column, const std::byte* magnitudes, const std::byte* signs) {
    // Bit 15 - i of word j: row 16 (i % 2) + j, triple i / 2.
    const auto is_negative = [&](uint64_t r, uint64_t triple) {
      const uint64_t i = 2 * triple + r / 16;
      return (load<uint16_t>(signs + r % 16 * 2) >> (15 - i) & 1) != 0;
    };
    for (uint64_t six = 0; six < 4; ++six) {
      for (uint64_t j = 0; j < inner_rows; ++j) {
        const std::byte byte = magnitudes[six * inner_rows + j];
        const uint64_t r = row_at(j);
        put_triple(row + r, column + 6 * six, high_nibble(byte), is_negative(r, 2 * six));
        put_triple(row + r, column + 6 * six + 3, low_nibble(byte), is_negative(r, 2 * six + 1));
      }
    }
  }

  void read_pairs() {
    const std::byte* from = data_.data() + t_.n * triple_columns_ / 6 + t_.n * triple_columns_ / 24;
    for (uint64_t row = 0; row < t_.n; row += t_.rows) {
      for (uint64_t column = triple_columns_; column < t_.k; column += 32) {
        for (uint64_t r = row; r < row + t_.rows; r += inner_rows) {
          for (uint64_t c = column; c < column + 32; c += 4) {
            for (uint64_t j = 0; j < inner_rows; ++j, ++from) {
              writer_.put_pair(r + row_at(j), c, high_nibble(*from));
              writer_.put_pair(r + row_at(j), c + 2, low_nibble(*from));
            }
          }
        }
      }
    }
  }

  std::span<const std::byte> data_;
  const TileSizes& t_;
  const uint64_t triple_columns_;
  std::span<std::byte> to_;
  CodeWriter writer_;
};

std::optional<uint64_t> read_tl2(std::span<const std::byte> data, const TileSizes& t,
                                 std::span<std::byte> to) {
  return Tl2Reader(data, t, to).run();
}

std::optional<uint64_t> tl2_bytes(uint64_t n, uint64_t k) {
  if (k < 256) return std::nullopt;
  const auto codes = tl2_codes(n, k);
  if (!codes) return std::nullopt;
  return *codes + tail;
}

}  // namespace

constinit const TensorTypeInfo tl1_type = {.type = TensorType::tl1,
                                           .name = "TL1",
                                           .size_rule = SizeRule::flat,
                                           .block_elements = 4,
                                           .block_bytes = 1,
                                           .tail_bytes = tail,
                                           .file_type = 38,
                                           .rewritten_as = &i2_s_type,
                                           .read_tiles = read_tl1};

constinit const TensorTypeInfo tl2_type = {.type = TensorType::tl2,
                                           .name = "TL2",
                                           .size_rule = SizeRule::own,
                                           .own_bytes = tl2_bytes,
                                           .file_type = 39,
                                           .rewritten_as = &i2_s_type,
                                           .read_tiles = read_tl2};

}  // namespace tern::runtime
