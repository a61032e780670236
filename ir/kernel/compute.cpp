#include "ir/kernel/compute.h"

namespace tern::ir {

int code_zero_point(Element weight) {
  switch (weight) {
    case Element::i4: return 8;
    case Element::i8: return 128;
    case Element::trit:
    case Element::sign:
    case Element::i2:
    case Element::u8:
    case Element::i16:
    case Element::i32:
    case Element::f16:
    case Element::bf16:
    case Element::f32: break;
  }
  return 1;
}

Unpack plain_unpack(Packing packing) {
  return info(packing).weights_per_code == 1 ? Unpack::fields : Unpack::table;
}

bool can_unpack(Packing packing, Unpack unpack) {
  const PackingInfo& codes = info(packing);
  // Floating-point weights have no codes.
  if (codes.code_bits == 0) return false;
  switch (unpack) {
    case Unpack::fields: return codes.weights_per_code == 1;
    case Unpack::table: return packing != Packing::i8 && packing != Packing::i4;
    case Unpack::multiply: return packing == Packing::g5b8_fixed;
  }
  return false;
}

int64_t widen_every_k(const Compute& compute) {
  return std::visit(
      [](const auto& record) -> int64_t {
        if constexpr (requires { record.widen_every_k; }) return record.widen_every_k;
        return 0;
      },
      compute);
}

void set_widen_every_k(Compute& compute, int64_t inputs) {
  std::visit(
      [inputs](auto& record) {
        if constexpr (requires { record.widen_every_k; }) record.widen_every_k = inputs;
      },
      compute);
}

const Unpacking* unpacking_of(const Compute& compute) {
  return std::visit(
      [](const auto& record) -> const Unpacking* {
        if constexpr (requires { record.unpacking; }) return &record.unpacking;
        return nullptr;
      },
      compute);
}

Unpacking* unpacking_of(Compute& compute) {
  return std::visit(
      [](auto& record) -> Unpacking* {
        if constexpr (requires { record.unpacking; }) return &record.unpacking;
        return nullptr;
      },
      compute);
}

}  // namespace tern::ir
