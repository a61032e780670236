// IQ1_BN and IQ2_BN of ik_llama.cpp: a row begins with its scale, and goes on in blocks of 64 weights.
// IQ2_BN_R4 holds four rows of IQ2_BN together, and is taken apart before it is used.
#include "runtime/tensor/base3.h"
#include "runtime/tensor/number_rows.h"

namespace tern::runtime {
namespace {

// f16 scale. A block is 13 bytes: bytes 3i, 3i + 1 and 3i + 2 hold five weights each from weight 16i on, for
// 0 <= i < 4, and the last byte weight 16i + 15 as its digit i. In this type the first digit is the one that
// counts least.
struct Iq1Bn {
  static constexpr size_t header = 2, bytes = 13;
  static float scale(const std::byte* row) { return ir::f16_to_f32(load<uint16_t>(row)); }
  static void write_scale(float scale, std::byte* row) { store(ir::f32_to_f16(scale), row); }
  static void read(const std::byte* block, int8_t* numbers) {
    const auto extra = load<uint8_t>(block + 12);
    for (size_t i = 0; i < 4; ++i) {
      for (size_t j = 0; j < 15; ++j)
        numbers[16 * i + j] = trit_of(load<uint8_t>(block + 3 * i + j / 5), 4 - j % 5);
      numbers[16 * i + 15] = trit_of(extra, 4 - i);
    }
  }
  static void write(const int8_t* numbers, std::byte* block) {
    const auto digit = [&](size_t i) { return static_cast<unsigned>(numbers[i] + 1); };
    unsigned extra = 0;
    for (size_t i = 0; i < 4; ++i) {
      for (size_t byte = 0; byte < 3; ++byte) {
        unsigned v = 0;
        for (size_t j = 0; j < 5; ++j) v += digit(16 * i + 5 * byte + j) * power_of_three(j);
        block[3 * i + byte] = static_cast<std::byte>(byte_of_number(v));
      }
      extra += digit(16 * i + 15) * power_of_three(i);
    }
    block[12] = static_cast<std::byte>(byte_of_number(extra));
  }
};

// f32 scale. Byte j of a block of 16 holds the weights j, j + 16, j + 32 and j + 48, the first in the lowest
// bits; codes as of Q2_0.
struct Iq2Bn {
  static constexpr size_t header = 4, bytes = 16;
  static float scale(const std::byte* row) { return load<float>(row); }
  static void write_scale(float scale, std::byte* row) { store(scale, row); }
  static void read(const std::byte* block, int8_t* numbers) {
    for (size_t lane = 0; lane < 4; ++lane) {
      for (size_t j = 0; j < 16; ++j)
        numbers[16 * lane + j] = static_cast<int8_t>((load<uint8_t>(block + j) >> 2 * lane & 3) - 1);
    }
  }
  static void write(const int8_t* numbers, std::byte* block) {
    for (size_t j = 0; j < 16; ++j) {
      unsigned codes = 0;
      for (size_t lane = 0; lane < 4; ++lane)
        codes |= static_cast<unsigned>(numbers[16 * lane + j] + 1) << 2 * lane;
      block[j] = static_cast<std::byte>(codes);
    }
  }
};

constexpr size_t block_elements = 64;

template <class Codec>
struct Rows {
  static void read_elements(std::span<const std::byte> row, std::byte* elements) {
    for (size_t block = 0; block < (row.size() - Codec::header) / Codec::bytes; ++block)
      Codec::read(row.data() + Codec::header + block * Codec::bytes,
                  reinterpret_cast<int8_t*>(elements) + block * block_elements);
  }
  static void read_scales(std::span<const std::byte> row, float* scales) {
    scales[0] = Codec::scale(row.data());
  }
  static void decode(std::span<const std::byte> row, std::span<float> values) {
    const float scale = Codec::scale(row.data());
    int8_t numbers[block_elements];
    for (size_t at = 0; at < values.size(); at += block_elements) {
      Codec::read(row.data() + Codec::header + at / block_elements * Codec::bytes, numbers);
      for (size_t i = 0; i < block_elements; ++i) values[at + i] = scale * static_cast<float>(numbers[i]);
    }
  }
  static void write_numbers(std::span<const int8_t> numbers, std::span<const float> scales,
                            std::span<std::byte> row) {
    Codec::write_scale(scales[0], row.data());
    for (size_t block = 0; block < numbers.size() / block_elements; ++block)
      Codec::write(numbers.data() + block * block_elements,
                   row.data() + Codec::header + block * Codec::bytes);
  }
  static void encode(std::span<const float> values, std::span<std::byte> row) {
    float largest = 0;
    for (const float value : values) largest = std::max(largest, std::fabs(value));
    std::vector<int8_t> numbers(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const bool is_zero = largest == 0 || std::fabs(values[i]) * 2 < largest;
      numbers[i] = static_cast<int8_t>(is_zero ? 0 : values[i] < 0 ? -1 : 1);
    }
    write_numbers(numbers, {&largest, 1}, row);
  }
};

template <class Word, size_t header, size_t bytes, Word exponent>
std::optional<uint64_t> find_bad_row(std::span<const std::byte> data, uint64_t elements, I2sOrder) {
  // All rows are equally long: with r rows, data.size() = r * header + elements / 64 * bytes.
  const uint64_t rows = (data.size() - elements / block_elements * bytes) / header;
  if (rows == 0) return std::nullopt;
  const auto row = find_not_finite<Word>(data.data(), rows, data.size() / rows, exponent);
  if (!row) return std::nullopt;
  return *row * (elements / rows);
}

// A bad guess costs nothing but time: the whole row is looked at, scale and all, if its codes are not.
bool has_two(std::span<const std::byte> row) {
  for (size_t at = Iq2Bn::header; at < row.size(); at += Iq2Bn::bytes) {
    if (has_code_three(row.data() + at, Iq2Bn::bytes)) return true;
  }
  return false;
}

// Four rows: their four scales, then 64 bytes for 64 columns: byte 16 * l + 4 * r + i has columns 16 * l + i,
// + 4, + 8 and + 12 of row r, the first in the lowest bits.
void take_rows_apart(std::span<const std::byte> from, uint64_t k, std::span<std::byte> to) {
  const size_t row_bytes = Iq2Bn::header + k / 4, rows = 4;
  int8_t numbers[block_elements];
  for (size_t first = 0; first < from.size(); first += rows * row_bytes) {
    const std::byte* source = from.data() + first;
    for (size_t row = 0; row < rows; ++row) {
      std::byte* target = to.data() + first + row * row_bytes;
      std::memcpy(target, source + 4 * row, sizeof(float));
      for (size_t block = 0; block < k / block_elements; ++block) {
        const std::byte* codes = source + rows * Iq2Bn::header + block * block_elements;
        for (size_t i = 0; i < block_elements; ++i) {
          const size_t l = i / 16, within = i % 16;
          numbers[i] = static_cast<int8_t>(
              (load<uint8_t>(codes + 16 * l + 4 * row + within % 4) >> within / 4 * 2 & 3) - 1);
        }
        Iq2Bn::write(numbers, target + Iq2Bn::header + block * Iq2Bn::bytes);
      }
    }
  }
}

template <class Codec, ir::Element element>
constexpr TensorTypeInfo row_type(TensorType type, std::string_view name) {
  return {.type = type,
          .name = name,
          .size_rule = SizeRule::rows,
          .block_elements = block_elements,
          .block_bytes = Codec::bytes,
          .row_header_bytes = Codec::header,
          .weights = {element, ir::Scaling::row},
          .fault = "has a scale that is not finite",
          .decode = Rows<Codec>::decode,
          .encode = Rows<Codec>::encode,
          .read_elements = Rows<Codec>::read_elements,
          .read_scales = Rows<Codec>::read_scales,
          .write_numbers = Rows<Codec>::write_numbers};
}

constexpr TensorTypeInfo iq1_bn_record() {
  TensorTypeInfo type = row_type<Iq1Bn, ir::Element::trit>(TensorType::iq1_bn, "IQ1_BN");
  type.weights.scale = ir::Element::f16;
  type.file_type = 136;
  type.find_bad = find_bad_row<uint16_t, Iq1Bn::header, Iq1Bn::bytes, f16_exponent>;
  return type;
}

constexpr TensorTypeInfo iq2_bn_record() {
  TensorTypeInfo type = row_type<Iq2Bn, ir::Element::i2>(TensorType::iq2_bn, "IQ2_BN");
  type.find_bad = find_bad_row<uint32_t, Iq2Bn::header, Iq2Bn::bytes, f32_exponent>;
  type.has_two = has_two;
  type.file_type = 137;
  return type;
}

}  // namespace

constinit const TensorTypeInfo iq1_bn_type = iq1_bn_record();
constinit const TensorTypeInfo iq2_bn_type = iq2_bn_record();
constinit const TensorTypeInfo iq2_bn_r4_type = {.type = TensorType::iq2_bn_r4,
                                                 .name = "IQ2_BN_R4",
                                                 .size_rule = SizeRule::rows,
                                                 .block_elements = block_elements,
                                                 .block_bytes = Iq2Bn::bytes,
                                                 .row_header_bytes = Iq2Bn::header,
                                                 .rows_together = 4,
                                                 .rewritten_as = &iq2_bn_type,
                                                 .rewrite = take_rows_apart};

}  // namespace tern::runtime
