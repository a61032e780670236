// Q4_0, IQ4_NL and Q4_K of ggml: four bits a weight.
#include <array>

#include "runtime/tensor/number_rows.h"

namespace tern::runtime {
namespace {

// The nibbles of 16 bytes: the low ones are elements 0 to 15, the high ones 16 to 31.
constexpr unsigned nibble(const std::byte* bytes, size_t element) {
  return std::to_integer<unsigned>(bytes[element % 16]) >> element / 16 * 4 & 15u;
}

// f16 d, then the nibbles q; x = d * (q - 8).
struct Q4 {
  static constexpr size_t elements = 32, bytes = 18, scale_at = 0;
  static void read(const std::byte* block, int8_t* numbers) {
    for (size_t i = 0; i < elements; ++i)
      numbers[i] = static_cast<int8_t>(static_cast<int>(nibble(block + 2, i)) - 8);
  }
};

// The element with the largest magnitude decides the scale, and becomes -8.
void encode_q4_0(std::span<const float> values, std::span<std::byte> bytes) {
  for (size_t at = 0; at < values.size(); at += Q4::elements) {
    const float* from = values.data() + at;
    std::byte* block = bytes.data() + at / Q4::elements * Q4::bytes;
    float extreme = 0;
    for (size_t i = 0; i < Q4::elements; ++i) {
      if (std::fabs(from[i]) > std::fabs(extreme)) extreme = from[i];
    }
    const float d = extreme / -8.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
    store(ir::f32_to_f16(d), block);
    const auto code = [&](size_t i) {
      return static_cast<unsigned>(std::clamp(static_cast<int>(from[i] * inverse + 8.5f), 0, 15));
    };
    for (size_t i = 0; i < 16; ++i) block[2 + i] = static_cast<std::byte>(code(i) | code(i + 16) << 4);
  }
}

// f16 d, then nibbles that name one of 16 numbers; x = d * number.
struct Iq4 {
  static constexpr size_t elements = 32, bytes = 18, scale_at = 0;
  static constexpr std::array<int8_t, 16> table = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                   1,    13,   25,  38,  53,  69,  89,  113};
  static void read(const std::byte* block, int8_t* numbers) {
    for (size_t i = 0; i < elements; ++i) numbers[i] = table[nibble(block + 2, i)];
  }
};

// A block of 256: f16 d, f16 dmin, 12 bytes with eight scales a and eight minima b of six bits, 128 bytes of
// nibbles q. Run s of 32 weights has x = d * a * q - dmin * b. Runs 2g and 2g + 1 are the low and the high
// nibbles of bytes 32g to 32g + 31.
constexpr size_t q4_k_elements = 256, q4_k_bytes = 144, q4_k_scales = 4, q4_k_codes = 16, q4_k_runs = 8;

struct ScaleAndMinimum {
  unsigned scale, minimum;
};

ScaleAndMinimum scale_and_minimum(const std::byte* six_bits, size_t run) {
  const auto at = [&](size_t i) { return std::to_integer<unsigned>(six_bits[i]); };
  if (run < 4) return {at(run) & 63, at(run + 4) & 63};
  return {(at(run + 4) & 15) | at(run - 4) >> 6 << 4, at(run + 4) >> 4 | at(run) >> 6 << 4};
}

void decode_q4_k(std::span<const std::byte> bytes, std::span<float> values) {
  for (size_t block = 0; block < values.size() / q4_k_elements; ++block) {
    const std::byte* from = bytes.data() + block * q4_k_bytes;
    const float d = ir::f16_to_f32(load<uint16_t>(from)), dmin = ir::f16_to_f32(load<uint16_t>(from + 2));
    for (size_t run = 0; run < q4_k_runs; ++run) {
      const ScaleAndMinimum six = scale_and_minimum(from + q4_k_scales, run);
      const float scale = d * static_cast<float>(six.scale), minimum = dmin * static_cast<float>(six.minimum);
      for (size_t i = 0; i < 32; ++i) {
        const unsigned both = std::to_integer<unsigned>(from[q4_k_codes + run / 2 * 32 + i]);
        const unsigned q = both >> run % 2 * 4 & 15u;
        values[block * q4_k_elements + run * 32 + i] = scale * static_cast<float>(q) - minimum;
      }
    }
  }
}

std::optional<uint64_t> find_bad_q4_k(std::span<const std::byte> data, uint64_t elements, I2sOrder) {
  const uint64_t blocks = elements / q4_k_elements;
  std::optional<uint64_t> first;
  for (const size_t at : {size_t{0}, size_t{2}}) {
    const auto block = find_not_finite<uint16_t>(data.data() + at, blocks, q4_k_bytes, f16_exponent);
    if (block && (!first || *block < *first)) first = block;
  }
  if (!first) return std::nullopt;
  return *first * q4_k_elements;
}

// A minimum is not a scale: what a kernel reads are the floats.
void read_q4_k(std::span<const std::byte> row, std::byte* elements) {
  decode_q4_k(row, {reinterpret_cast<float*>(elements), row.size() / q4_k_bytes * q4_k_elements});
}

// By each run of 32: the minimum is the smallest value or 0, and 15 steps reach the largest.
void encode_q4_k(std::span<const float> values, std::span<std::byte> bytes) {
  for (size_t block = 0; block < values.size() / q4_k_elements; ++block) {
    const float* from = values.data() + block * q4_k_elements;
    std::byte* to = bytes.data() + block * q4_k_bytes;
    std::fill_n(to, q4_k_bytes, std::byte{0});
    std::array<float, q4_k_runs> steps, minima;
    float largest_step = 0, largest_minimum = 0;
    for (size_t run = 0; run < q4_k_runs; ++run) {
      const auto [low, high] = std::minmax_element(from + run * 32, from + run * 32 + 32);
      minima[run] = std::max(0.0f, -*low);
      steps[run] = std::max(0.0f, *high + minima[run]) / 15.0f;
      largest_step = std::max(largest_step, steps[run]);
      largest_minimum = std::max(largest_minimum, minima[run]);
    }
    const uint16_t d_bits = ir::f32_to_f16(largest_step / 63.0f),
                   dmin_bits = ir::f32_to_f16(largest_minimum / 63.0f);
    store(d_bits, to);
    store(dmin_bits, to + 2);
    const float d = ir::f16_to_f32(d_bits), dmin = ir::f16_to_f32(dmin_bits);
    const auto six_bits = [](float value, float unit) {
      return unit > 0 ? static_cast<unsigned>(std::clamp(std::nearbyint(value / unit), 0.0f, 63.0f)) : 0u;
    };
    for (size_t run = 0; run < q4_k_runs; ++run) {
      const unsigned a = six_bits(steps[run], d), b = six_bits(minima[run], dmin);
      std::byte* six = to + q4_k_scales;
      if (run < 4) {
        six[run] |= static_cast<std::byte>(a);
        six[run + 4] |= static_cast<std::byte>(b);
      } else {
        six[run + 4] |= static_cast<std::byte>((a & 15) | (b & 15) << 4);
        six[run - 4] |= static_cast<std::byte>(a >> 4 << 6);
        six[run] |= static_cast<std::byte>(b >> 4 << 6);
      }
      const float step = d * static_cast<float>(a), minimum = dmin * static_cast<float>(b);
      for (size_t i = 0; i < 32; ++i) {
        const float q =
            step > 0 ? std::clamp(std::nearbyint((from[run * 32 + i] + minimum) / step), 0.0f, 15.0f) : 0.0f;
        to[q4_k_codes + run / 2 * 32 + i] |= static_cast<std::byte>(static_cast<unsigned>(q) << run % 2 * 4);
      }
    }
  }
}

template <class Codec, ir::Element element>
constexpr TensorTypeInfo nibble_type(TensorType type, std::string_view name) {
  return {.type = type,
          .name = name,
          .size_rule = SizeRule::rows,
          .block_elements = Codec::elements,
          .block_bytes = Codec::bytes,
          .weights = {element, ir::Scaling::group, Codec::elements, ir::Element::f16},
          .find_bad = number_rows::find_bad<Codec>,
          .fault = "has a scale that is not finite",
          .decode = number_rows::decode<Codec>,
          .read_elements = number_rows::read_elements<Codec>,
          .read_scales = number_rows::read_scales<Codec>};
}

constexpr TensorTypeInfo q4_0_record() {
  TensorTypeInfo type = nibble_type<Q4, ir::Element::i4>(TensorType::q4_0, "Q4_0");
  type.encode = encode_q4_0;
  return type;
}

}  // namespace

constinit const TensorTypeInfo q4_0_type = q4_0_record();
constinit const TensorTypeInfo iq4_nl_type = nibble_type<Iq4, ir::Element::i8>(TensorType::iq4_nl, "IQ4_NL");
constinit const TensorTypeInfo q4_k_type = {.type = TensorType::q4_k,
                                            .name = "Q4_K",
                                            .size_rule = SizeRule::rows,
                                            .block_elements = q4_k_elements,
                                            .block_bytes = q4_k_bytes,
                                            .weights = {ir::Element::f32, ir::Scaling::none},
                                            .find_bad = find_bad_q4_k,
                                            .fault = "has a scale that is not finite",
                                            .decode = decode_q4_k,
                                            .encode = encode_q4_k,
                                            .read_elements = read_q4_k};

}  // namespace tern::runtime
