#include "codegen/lower/quantize_rows.h"

#include "codegen/lower/loop_nest.h"
#include "codegen/lower/lower.h"

namespace tern::codegen {

using ir::Affine;
using ir::Body;
using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;

namespace {

constexpr int lanes_a_vector = 16;
constexpr int zeros_a_vector = 64;

}  // namespace

void QuantizeRows::declare(int c) {
  const int64_t rows = padded_rows(kernel_), n = kernel_.problem.n;
  const auto output = ir::BufferKind::output;
  c_ = c;
  q_ = add_buffer(program_, ir::BufferRole::quantized_output, Element::i8,
                  rows * output_stride(kernel_.problem), 64, output);
  qsum_ = add_buffer(program_, ir::BufferRole::output_sums, Element::i32, rows, 4, output);
  sq_ = add_buffer(program_, ir::BufferRole::output_scales, Element::f32, rows, 4, output);
  zeros_ = add_register(program_, "zeros", {Element::i8, zeros_a_vector});
  largest_ = add_register(program_, "row_largest", {Element::f32, 1});
  number_ = add_register(program_, "row_number", {Element::f32, 1});
  scale_ = add_register(program_, "row_scale", {Element::f32, 1});
  total_ = add_register(program_, "row_total", {Element::i32, 1});
  part_total_ = add_register(program_, "part_total", {Element::i32, 1});
  const int64_t vectors = n / lanes_a_vector, rest = n % lanes_a_vector;
  if (vectors > 0) declare_part("", 0, vectors, lanes_a_vector);
  if (rest > 0) declare_part("_rest", n - rest, 1, static_cast<int>(rest));
}

void QuantizeRows::declare_part(const char* suffix, int64_t first, int64_t vectors, int lanes) {
  const auto add = [&](const char* stem, Element element) {
    return add_register(program_, std::string(stem) + suffix, {element, lanes});
  };
  parts_.push_back({first, vectors, lanes, add("value", Element::f32), add("largest", Element::f32),
                    add("factor", Element::f32), add("rounded", Element::i8), add("widened", Element::i32),
                    add("rounded_sum", Element::i32)});
}

void QuantizeRows::emit(Body& body, const Affine& row) {
  clear_padding(body, row);
  find_scale(body, row);
  round(body, row);
}

// The address of an element of a row, in C and in Q.
Affine QuantizeRows::in_row(const Affine& row, int64_t first) const {
  const int64_t stride = output_stride(kernel_.problem);
  Affine address{row.constant * stride + first, {}};
  for (const Affine::Term& term : row.terms) address.add(term.variable, term.factor * stride);
  return address;
}

// Emits what is done at each of several vectors, side by side from an address on.
template <class Emit>
void QuantizeRows::walk(Body& body, const Affine& start, int64_t vectors, int64_t lanes, Emit emit) {
  if (vectors == 1) return emit(body, start);
  ir::Loop loop{ir::LoopKind::sequential, static_cast<int>(program_.variables.size()), vectors, {}};
  program_.variables.push_back("q");
  Affine address = start;
  address.add(loop.variable, lanes);
  emit(loop.body, address);
  body.push_back(std::move(loop));
}

// Zeros from the last whole vector before n on; values come over them.
void QuantizeRows::clear_padding(Body& body, const Affine& row) {
  const int64_t first = kernel_.problem.n / zeros_a_vector * zeros_a_vector;
  const RegisterUse zeros{zeros_, {}};
  body.push_back(Instruction{Op::constant, zeros});
  walk(body, in_row(row, first), (output_stride(kernel_.problem) - first) / zeros_a_vector, zeros_a_vector,
       [&](Body& inner, const Affine& address) {
         inner.push_back(Instruction{Op::store, {}, {zeros}, q_, address});
       });
}

void QuantizeRows::find_scale(Body& body, const Affine& row) {
  const RegisterUse all{largest_, {}}, number{number_, {}}, scale{scale_, {}};
  // 1e-5, to the last bit: its definition, rounded once.
  body.push_back(Instruction{Op::constant, all, {}, 0, {}, 1});
  body.push_back(Instruction{Op::constant, number, {}, 0, {}, 100000});
  body.push_back(Instruction{Op::divide, all, {all, number}});
  for (const Part& part : parts_) {
    const RegisterUse value{part.value, {}}, largest{part.largest, {}};
    body.push_back(Instruction{Op::constant, largest});
    walk(body, in_row(row, part.first), part.vectors, part.lanes, [&](Body& inner, const Affine& address) {
      inner.push_back(Instruction{Op::load, value, {}, c_, address});
      inner.push_back(Instruction{Op::absmax, largest, {largest, value}});
    });
    body.push_back(Instruction{Op::absmax_across, scale, {largest}});
    body.push_back(Instruction{Op::absmax, all, {all, scale}});
  }
  // 127 / all, but NaN if that is infinite or NaN: so is 0 times it.
  body.push_back(Instruction{Op::constant, scale});
  body.push_back(Instruction{Op::multiply, scale, {scale, all}});
  body.push_back(Instruction{Op::constant, number, {}, 0, {}, 127});
  body.push_back(Instruction{Op::add, scale, {scale, number}});
  body.push_back(Instruction{Op::divide, scale, {scale, all}});
  body.push_back(Instruction{Op::store, {}, {scale}, sq_, row});
}

void QuantizeRows::round(Body& body, const Affine& row) {
  const RegisterUse total{total_, {}}, part_total{part_total_, {}};
  body.push_back(Instruction{Op::constant, total});
  for (const Part& part : parts_) {
    const RegisterUse value{part.value, {}}, scale{part.scale, {}}, rounded{part.rounded, {}},
        widened{part.widened, {}}, sum{part.sum, {}};
    body.push_back(Instruction{Op::splat, scale, {}, sq_, row, 1});
    body.push_back(Instruction{Op::constant, sum});
    walk(body, in_row(row, part.first), part.vectors, part.lanes, [&](Body& inner, const Affine& address) {
      inner.push_back(Instruction{Op::load, value, {}, c_, address});
      inner.push_back(Instruction{Op::multiply, value, {value, scale}});
      inner.push_back(Instruction{Op::round_clamp, rounded, {value}, 0, {}, 127});
      inner.push_back(Instruction{Op::store, {}, {rounded}, q_, address});
      inner.push_back(Instruction{Op::convert, widened, {rounded}});
      inner.push_back(Instruction{Op::add, sum, {sum, widened}});
    });
    body.push_back(Instruction{Op::add_across, part_total, {sum}});
    body.push_back(Instruction{Op::add, total, {total, part_total}});
  }
  body.push_back(Instruction{Op::store, {}, {total}, qsum_, row});
}

}  // namespace tern::codegen
