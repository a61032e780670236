#include "codegen/epilogue.h"

#include "codegen/lower.h"

namespace tern::codegen {

using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;

void Epilogue::declare(int lanes, bool corrected) {
  const ir::Problem& problem = kernel_.problem;
  const int64_t rows = padded_rows(kernel_);
  corrected_ = corrected;
  asum_ = add_buffer(
      program_, {"asum", Element::i32, rows, 4, ir::BufferKind::input, -128 * problem.k, 127 * problem.k});
  sa_ = add_buffer(program_, {"sa", Element::f32, rows, 4});
  sw_ = add_buffer(program_, {"sw", Element::f32, 1, 4});
  c_ = add_buffer(program_, {"C", Element::f32, rows * output_stride(problem), 64, ir::BufferKind::output});
  if (corrected) correction_ = add_register(program_, "correction", {Element::i32, lanes});
  scale_ = add_register(program_, "scale", {Element::f32, lanes});
  result_ = add_register(program_, "result", {Element::f32, lanes});
}

void Epilogue::emit(ir::Body& body, const RegisterUse& sum, const ir::Affine& m, const ir::Affine& n) {
  const RegisterUse correction{correction_, {}}, scale{scale_, {}}, result{result_, {}};
  if (corrected_) {
    body.push_back(Instruction{Op::splat, correction, {}, asum_, m, 1});
    body.push_back(Instruction{Op::subtract, sum, {sum, correction}});
  }
  body.push_back(Instruction{Op::convert, result, {sum}});
  body.push_back(Instruction{Op::splat, scale, {}, sa_, m, 1});
  body.push_back(Instruction{Op::divide, result, {result, scale}});
  body.push_back(Instruction{Op::splat, scale, {}, sw_, {}, 1});
  body.push_back(Instruction{Op::multiply, result, {result, scale}});
  ir::Affine address = n;
  address.constant += m.constant * output_stride(kernel_.problem);
  for (const ir::Affine::Term& term : m.terms)
    address.add(term.variable, term.factor * output_stride(kernel_.problem));
  body.push_back(Instruction{Op::store, {}, {result}, c_, address});
}

}  // namespace tern::codegen
