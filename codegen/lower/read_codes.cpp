#include "codegen/lower/read_codes.h"

#include <cstdlib>

namespace tern::codegen {

using ir::Body;
using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;

WeightVectors weights_of_tile(const LoopNest& nest, const ir::LayoutMap& map) {
  return {nest.outputs(), [&nest, &map] { return nest.position(map); }, [&nest] { return nest.output(); }};
}

ReadCodes::ReadCodes(const ir::Kernel& kernel, WeightVectors vectors, ir::Program& program)
    : vectors_(std::move(vectors)),
      program_(program),
      packing_(info(kernel.weights.packing)),
      map_(kernel.weights, kernel.problem.n, kernel.problem.k),
      alignment_(kernel.weights.alignment),
      element_(kernel.problem.w.element) {}

void ReadCodes::declare(int bytes, bool reads_codes) {
  // Signed bytes hold nothing but the weights themselves.
  const bool is_signed = packing_.packing == ir::Packing::i8;
  const Element stored = is_signed ? Element::i8 : Element::u8;
  w_ = add_buffer(program_, ir::BufferRole::weights, stored, map_.size_in_bytes(), alignment_,
                  ir::BufferKind::input, is_signed ? lowest(element_) : 0, is_signed ? highest(element_) : 0);
  packed_ = add_register(program_, "packed", {stored, bytes}, vectors_.outputs);
  if (reads_codes) code_ = add_register(program_, "code", {Element::u8, bytes}, vectors_.outputs);
  if (!packing_.high_bits) return;
  high_ = add_register(program_, "high", {Element::u8, bytes}, vectors_.outputs);
  if (reads_codes) shifted_ = add_register(program_, "high_bits", {Element::u8, bytes});
}

void ReadCodes::load(Body& body, RegisterUse into, int byte) {
  ir::Affine address = vectors_.position();
  for (ir::Affine::Term& term : address.terms)
    term.factor = term.factor / packing_.weights_per_group * packing_.bytes_per_group;
  address.constant += byte * map_.byte_stride();
  body.push_back(Instruction{Op::load, into, {}, w_, address});
}

void ReadCodes::start(Body& body) {
  load(body, packed(), 0);
  if (packing_.high_bits) load(body, high(), packing_.bytes_per_group - 1);
}

void ReadCodes::shift(Body& body, RegisterUse into, RegisterUse from, int right) {
  const Op op = right < 0 ? Op::shift_left : Op::shift_right;
  body.push_back(Instruction{op, into, {from}, 0, {}, std::abs(right)});
}

void ReadCodes::read(Body& body, int number) {
  const int within = number % packing_.codes_per_byte();
  if (within == 0 && number != 0) load(body, packed(), number / packing_.codes_per_byte());
  const int first_bit = packing_.first_bit + packing_.bit_step * within;
  is_packed_ = first_bit == 0 && !packing_.high_bits;
  if (is_packed_) return;
  const RegisterUse low = first_bit == 0 ? packed() : code();
  if (first_bit != 0) shift(body, low, packed(), first_bit);
  if (!packing_.high_bits) return;
  // The high bit comes to its place above the others.
  const RegisterUse shifted{shifted_, {}};
  RegisterUse bits = high();
  if (number != packing_.code_bits) {
    shift(body, shifted, bits, number - packing_.code_bits);
    bits = shifted;
  }
  body.push_back(Instruction{Op::bit_select, code(), {low, bits}, 0, {}, (1 << packing_.code_bits) - 1});
}

}  // namespace tern::codegen
