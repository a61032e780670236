#include "codegen/lower/unpack_weights.h"

#include <algorithm>

namespace tern::codegen {

using ir::Body;
using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;
using ir::Unpack;

UnpackWeights::UnpackWeights(const ir::Kernel& kernel, const ir::Unpacking& unpacking, int fields_per_shift,
                             WeightVectors vectors, ir::Program& program)
    : kernel_(kernel),
      unpacking_(unpacking),
      fields_per_shift_(fields_per_shift),
      vectors_(vectors),
      program_(program),
      packing_(info(kernel.weights.packing)),
      vector_(weight_vector(kernel)),
      read_(kernel, std::move(vectors), program) {}

int UnpackWeights::add(const char* name, Element element, int64_t count) {
  return add_register(program_, name, {element, 4 * vector_.lanes}, count);
}

void UnpackWeights::declare() {
  read_.declare(4 * vector_.lanes, unpacking_.unpack != Unpack::fields);
  if (is_signed_bytes() && !codes()) return;
  weight_ = add("weight", codes() ? Element::u8 : Element::i8, vectors_.outputs);
  if (unpacking_.unpack == Unpack::table) return add_weight_tables();
  if (is_any_byte()) return;
  // Codes of fields are weights plus code_zero_point.
  if (is_signed_bytes() || packing_.high_bits || !codes()) {
    zero_point_ = add("one", Element::i8, 1);
    signed_ = add("signed", Element::i8, 2);
  }
  if (packing_.high_bits || !codes()) shifted_ = add("shifted", Element::u8, 1);
}

// One table for each weight of a code: what that weight is in every code that the bits can hold.
void UnpackWeights::add_weight_tables() {
  const int entries = std::max(packing_.code_count(), 16);
  for (int index = 0; index < packing_.weights_per_code; ++index) {
    const std::string number = std::to_string(index);
    ir::Table table{"weight" + number, codes() ? Element::u8 : Element::i8, {}};
    for (int code = 0; code < entries; ++code) {
      // Codes of no trits are read as anything that fits.
      const int trit = std::clamp(trit_of_code(packing_.packing, code % packing_.code_count(), index), -1,
                                  static_cast<int>(highest(kernel_.problem.w.element)));
      table.values.push_back(codes() ? trit + 1 : trit);
    }
    tables_.push_back(static_cast<int>(program_.tables.size()));
    table_registers_.push_back(add_register(program_, "table" + number, {table.element, entries}));
    program_.tables.push_back(std::move(table));
  }
}

int UnpackWeights::field_of_byte(int index) const {
  const int per_byte = packing_.codes_per_byte();
  const int field = index % per_byte;
  return packing_.bit_step < 0 ? per_byte - 1 - field : field;
}

int64_t UnpackWeights::max_magnitude(int index) const {
  const Element element = kernel_.problem.w.element;
  if (element == Element::i4 || element == Element::i8)
    return codes() ? highest(element) - lowest(element) : -lowest(element);
  if (is_signed_bytes() || unpacking_.unpack != Unpack::fields || packing_.high_bits || !codes()) {
    // A field of two bits may hold 3, which is no trit: then it is +2.
    const bool may_hold_3 = packing_.code_bits == 2 && unpacking_.unpack == Unpack::fields;
    return may_hold_3 || element == Element::i2 ? 3 : 2;
  }
  return (packing_.code_bits == 1 ? 2 : 3) << 2 * height(index);
}

// weight = code - zero point.
void UnpackWeights::subtract_zero_point(Body& body, RegisterUse codes) {
  const RegisterUse zero_point{zero_point_, {}}, as_signed{signed_, {}};
  body.push_back(
      Instruction{Op::constant, zero_point, {}, 0, {}, ir::code_zero_point(kernel_.problem.w.element)});
  body.push_back(Instruction{Op::convert, as_signed, {codes}});
  body.push_back(Instruction{Op::subtract, weight(), {as_signed, zero_point}});
}

void UnpackWeights::unpack(Body& body, int index) {
  switch (unpacking_.unpack) {
    case Unpack::fields: return packing_.high_bits ? plane(body, index) : field(body, index);
    case Unpack::table: {
      const int within = index % packing_.weights_per_code;
      if (within == 0) read_.read(body, index / packing_.weights_per_code);
      const RegisterUse table{table_registers_[within], {}};
      body.push_back(Instruction{Op::table, table, {}, 0, {}, tables_[within]});
      body.push_back(Instruction{Op::lookup, weight(), {table, read_.code()}});
      return;
    }
    case Unpack::multiply: {
      // The code is what is left of the fraction.
      const RegisterUse rest = index == 0 ? read_.packed() : read_.code();
      const RegisterUse high = codes() ? weight() : RegisterUse{shifted_, {}};
      body.push_back(Instruction{Op::multiply_high, high, {rest}, 0, {}, 3});
      if (index + 1 < vector_.weights_per_group)
        body.push_back(Instruction{Op::multiply_low, read_.code(), {rest}, 0, {}, 3});
      if (!codes()) subtract_zero_point(body, high);
      return;
    }
  }
}

// A weight that is a field of bits, code = weight + code_zero_point; or a signed byte.
void UnpackWeights::field(Body& body, int index) {
  if (is_signed_bytes()) {
    if (!codes()) return;
    if (is_any_byte()) return body.push_back(Instruction{Op::flip_sign, weight(), {read_.packed()}});
    const RegisterUse one{zero_point_, {}}, as_signed{signed_, {}};
    body.push_back(Instruction{Op::constant, one, {}, 0, {}, 1});
    body.push_back(Instruction{Op::add, as_signed, {read_.packed(), one}});
    body.push_back(Instruction{Op::convert, weight(), {as_signed}});
    return;
  }
  // A sign's only bit becomes bit 1 of the code, 0 or 2.
  const int bits = packing_.code_bits, at = bits == 1 ? 1 : 0;
  const int first = packing_.first_bit + packing_.bit_step * index;
  const int kept = bits * height(index) + at;  // where in the byte the field stays
  const RegisterUse code = codes() ? weight() : RegisterUse{shifted_, {}};
  RegisterUse from = read_.packed();
  if (first != kept) {
    ReadCodes::shift(body, code, from, first - kept);
    from = code;
  }
  // Above the highest field nothing is left to mask after a shift to the bottom.
  if (first + bits != 8 || kept != 0)
    body.push_back(Instruction{Op::bit_and, code, {from}, 0, {}, ((1 << bits) - 1) << kept});
  if (!codes()) subtract_zero_point(body, code);
}

// A bit of either plane: trit = plus - minus.
void UnpackWeights::plane(Body& body, int index) {
  const RegisterUse shifted{shifted_, {}}, plus{signed_, {0, {}}}, minus{signed_, {1, {}}},
      one{zero_point_, {}};
  for (const auto& [from, into] : {std::pair{read_.packed(), plus}, std::pair{read_.high(), minus}}) {
    RegisterUse bits = from;
    if (index != 0) {
      ReadCodes::shift(body, shifted, from, index);
      bits = shifted;
    }
    if (index != 7 || index == 0) {
      body.push_back(Instruction{Op::bit_and, shifted, {bits}, 0, {}, 1});
      bits = shifted;
    }
    body.push_back(Instruction{Op::convert, into, {bits}});
  }
  if (!codes()) {
    body.push_back(Instruction{Op::subtract, weight(), {plus, minus}});
    return;
  }
  // 1 - minus first: a byte of both bits, which is no trit, stays in range too.
  body.push_back(Instruction{Op::constant, one, {}, 0, {}, 1});
  body.push_back(Instruction{Op::subtract, minus, {one, minus}});
  body.push_back(Instruction{Op::add, plus, {plus, minus}});
  body.push_back(Instruction{Op::convert, weight(), {plus}});
}

}  // namespace tern::codegen
