#include "ir/kernel/packing.h"

#include <cassert>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "ir/half.h"

namespace tern::ir {
namespace {

template <class T>
T read(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// Where a group holds code number i.
struct CodeBits {
  int byte, shift;
  int high_byte, high_shift;
};

CodeBits bits_of(const PackingInfo& packing, int i) {
  const int per_byte = packing.codes_per_byte();
  return {i / per_byte, packing.first_bit + packing.bit_step * (i % per_byte), packing.bytes_per_group - 1,
          i};
}

int read_code(const PackingInfo& packing, const uint8_t* group, int64_t byte_stride, int i) {
  const CodeBits bits = bits_of(packing, i);
  int code = group[bits.byte * byte_stride] >> bits.shift & ((1 << packing.code_bits) - 1);
  if (packing.high_bits)
    code |= (group[bits.high_byte * byte_stride] >> bits.high_shift & 1) << packing.code_bits;
  return code;
}

void put_bits(uint8_t& byte, int shift, int bits, int value) {
  const int mask = ((1 << bits) - 1) << shift;
  byte = static_cast<uint8_t>((byte & ~mask) | (value << shift & mask));
}

void write_code(const PackingInfo& packing, uint8_t* group, int64_t byte_stride, int i, int code) {
  const CodeBits bits = bits_of(packing, i);
  put_bits(group[bits.byte * byte_stride], bits.shift, packing.code_bits, code);
  if (packing.high_bits)
    put_bits(group[bits.high_byte * byte_stride], bits.high_shift, 1, code >> packing.code_bits);
}

// Trits as a base-3 number of their codes, the first trit most significant; and one of its digits.
int to_base_3(std::span<const int8_t> trits) {
  int number = 0;
  for (const int8_t trit : trits) number = 3 * number + trit + 1;
  return number;
}
int base_3_digit(int number, int digits, int digit) {
  for (int i = digit + 1; i < digits; ++i) number /= 3;
  return number % 3 - 1;
}

// The distance of a base-3 number from that of zeros in `bits` bits, and a sign above them; and back. A
// distance that no trits have wraps around.
int to_signed(int number, int count, int bits) {
  const int value = number - count / 2;
  return std::abs(value) | (value < 0) << bits;
}
int from_signed(int code, int count, int bits) {
  const int distance = code & ((1 << bits) - 1);
  return (count / 2 + (code >> bits & 1 ? -distance : distance) + count) % count;
}

constexpr int triples = 27, fives = 243;

}  // namespace

std::optional<Packing> packing_named(std::string_view name) {
  for (const PackingInfo& candidate : packings) {
    if (candidate.name == name) return candidate.packing;
  }
  return std::nullopt;
}

bool can_hold(Packing packing, Element weight) {
  const Holds& holds = info(packing).holds;
  if (weight == Element::trit) return holds.trits;
  if (weight == Element::i2) return holds.i2;
  if (weight == Element::sign) return holds.signs || holds.trits;
  return holds.dense && info(packing).name == name(weight);
}

double bits_per_weight(Packing packing) {
  return 8.0 * info(packing).bytes_per_group / info(packing).weights_per_group;
}

int code_of_trits(Packing packing, std::span<const int8_t> trits) {
  assert(static_cast<int>(trits.size()) == info(packing).weights_per_code);
  switch (packing) {
    case Packing::b2:
    case Packing::b2_high_first: return trits[0] + 1;
    case Packing::g2b4:
    case Packing::g3b5:
    case Packing::g5b8: return to_base_3(trits);
    case Packing::g3b5_signed: return to_signed(to_base_3(trits), triples, 4);
    case Packing::g5b8_signed: return to_signed(to_base_3(trits), fives, 7);
    case Packing::g5b8_fixed: return (256 * to_base_3(trits) + 242) / 243;
    case Packing::planes: return (trits[0] > 0) | (trits[0] < 0) << 1;
    case Packing::b1: return trits[0] > 0;
    case Packing::i8: return static_cast<uint8_t>(trits[0]);
    case Packing::i4:
    case Packing::f16:
    case Packing::bf16:
    case Packing::f32: break;
  }
  assert(false && "the packing holds no trits");
  return 0;
}

int trit_of_code(Packing packing, int code, int index) {
  switch (packing) {
    case Packing::b2:
    case Packing::b2_high_first: return code - 1;
    case Packing::g2b4: return base_3_digit(code, 2, index);
    case Packing::g3b5: return base_3_digit(code, 3, index);
    case Packing::g3b5_signed: return base_3_digit(from_signed(code, triples, 4), 3, index);
    case Packing::g5b8: return base_3_digit(code, 5, index);
    case Packing::g5b8_signed: return base_3_digit(from_signed(code, fives, 7), 5, index);
    case Packing::g5b8_fixed: return base_3_digit(code * 243 >> 8, 5, index);
    case Packing::planes: return (code & 1) - (code >> 1);
    case Packing::b1: return 2 * code - 1;
    case Packing::i8: return static_cast<int8_t>(code);
    case Packing::i4:
    case Packing::f16:
    case Packing::bf16:
    case Packing::f32: break;
  }
  assert(false && "the packing holds no trits");
  return 0;
}

int decode_trit(Packing packing, const uint8_t* group, int64_t byte_stride, int index) {
  const PackingInfo& fields = info(packing);
  assert(index < fields.weights_per_group);
  const int code = read_code(fields, group, byte_stride, index / fields.weights_per_code);
  return trit_of_code(packing, code, index % fields.weights_per_code);
}

void encode_trit(Packing packing, uint8_t* group, int64_t byte_stride, int index, int trit) {
  const PackingInfo& fields = info(packing);
  assert(index < fields.weights_per_group && trit >= -1 && trit <= (fields.holds.i2 ? 2 : 1));
  const int code = index / fields.weights_per_code;
  const int before = read_code(fields, group, byte_stride, code);
  int8_t trits[8] = {};
  for (int i = 0; i < fields.weights_per_code; ++i)
    trits[i] = static_cast<int8_t>(trit_of_code(packing, before, i));
  trits[index % fields.weights_per_code] = static_cast<int8_t>(trit);
  const std::span<const int8_t> run(trits, static_cast<size_t>(fields.weights_per_code));
  write_code(fields, group, byte_stride, code, code_of_trits(packing, run));
}

float decode_dense(Packing packing, const uint8_t* group, int index) {
  assert(info(packing).holds.dense && index < info(packing).weights_per_group);
  if (packing == Packing::i4)
    return static_cast<float>(read_code(info(packing), group, 1, index) + lowest(Element::i4));
  if (packing == Packing::i8) return static_cast<int8_t>(group[0]);
  if (packing == Packing::f16) return f16_to_f32(read<uint16_t>(group));
  if (packing == Packing::bf16) return bf16_to_f32(read<uint16_t>(group));
  return read<float>(group);
}

void encode_dense(Packing packing, uint8_t* group, float value, int index) {
  assert(info(packing).holds.dense && index < info(packing).weights_per_group);
  const auto write = [group](auto stored) { std::memcpy(group, &stored, sizeof stored); };
  if (packing == Packing::i4) {
    assert(value == std::nearbyint(value) && value >= -8 && value <= 7);
    return write_code(info(packing), group, 1, index, static_cast<int>(value) + 8);
  }
  if (packing == Packing::i8) {
    assert(value == std::nearbyint(value) && value >= -128 && value <= 127);
    return write(static_cast<int8_t>(value));
  }
  if (packing == Packing::f16) return write(f32_to_f16(value));
  if (packing == Packing::bf16) return write(f32_to_bf16(value));
  write(value);
}

}  // namespace tern::ir
