#include "ir/packing.h"

#include <cassert>
#include <cmath>
#include <cstring>

#include "ir/half.h"

namespace tern::ir {
namespace {

int shift_of(const PackingRow& packing, int digit) {
  return packing.first_bit + packing.bit_step * digit;
}

template <class T>
T read(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace

std::optional<Packing> packing_named(std::string_view name) {
  for (const PackingRow& candidate : packings) {
    if (candidate.name == name) return candidate.packing;
  }
  return std::nullopt;
}

double bits_per_weight(Packing packing) {
  return 8.0 * row(packing).bytes_per_group / row(packing).weights_per_group;
}

int decode_trit(Packing packing, const uint8_t* group, int digit) {
  const PackingRow& fields = row(packing);
  assert(fields.holds_trits && digit < fields.weights_per_group);
  if (fields.bit_width == 0) return static_cast<int8_t>(group[0]);
  return (group[0] >> shift_of(fields, digit) & ((1 << fields.bit_width) - 1)) - 1;
}

void encode_trit(Packing packing, uint8_t* group, int digit, int trit) {
  const PackingRow& fields = row(packing);
  assert(fields.holds_trits && digit < fields.weights_per_group && trit >= -1 && trit <= 1);
  if (fields.bit_width == 0) {
    group[0] = static_cast<uint8_t>(trit);
    return;
  }
  const int shift = shift_of(fields, digit);
  const int mask = ((1 << fields.bit_width) - 1) << shift;
  group[0] = static_cast<uint8_t>((group[0] & ~mask) | (trit + 1) << shift);
}

float decode_dense(Packing packing, const uint8_t* bytes) {
  switch (packing) {
    case Packing::i8: return static_cast<int8_t>(bytes[0]);
    case Packing::f16: return f16_to_f32(read<uint16_t>(bytes));
    case Packing::bf16: return bf16_to_f32(read<uint16_t>(bytes));
    case Packing::f32: return read<float>(bytes);
    case Packing::b2:
    case Packing::b2_high_first: break;
  }
  assert(false && "the packing holds no dense weights");
  return 0;
}

void encode_dense(Packing packing, uint8_t* bytes, float value) {
  const auto write = [bytes](auto stored) { std::memcpy(bytes, &stored, sizeof stored); };
  switch (packing) {
    case Packing::i8:
      assert(value == std::nearbyint(value) && value >= -128 && value <= 127);
      return write(static_cast<int8_t>(value));
    case Packing::f16: return write(f32_to_f16(value));
    case Packing::bf16: return write(f32_to_bf16(value));
    case Packing::f32: return write(value);
    case Packing::b2:
    case Packing::b2_high_first: break;
  }
  assert(false && "the packing holds no dense weights");
}

}  // namespace tern::ir
