#include "codegen/lower/epilogue.h"

#include "codegen/lower/lower.h"

namespace tern::codegen {

using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;

void Epilogue::declare(int lanes, bool corrected) {
  const ir::Problem& problem = kernel_.problem;
  const int64_t rows = padded_rows(kernel_);
  corrected_ = corrected;
  asum_ = add_buffer(program_, ir::BufferRole::activation_sums, Element::i32, rows, 4, ir::BufferKind::input,
                     -128 * problem.k, 127 * problem.k);
  sa_ = add_buffer(program_, ir::BufferRole::activation_scales, Element::f32, rows, 4);
  const int64_t outputs = output_stride(problem);
  const bool by_row = problem.w.scaling == ir::Scaling::row;
  sw_ = add_buffer(program_, ir::BufferRole::weight_scales, Element::f32, by_row ? outputs : 1,
                   by_row ? 64 : 4);
  if (kernel_.epilogue != ir::Epilogue::plain) {
    const bool adds = kernel_.epilogue == ir::Epilogue::residual;
    other_ = add_buffer(program_, adds ? ir::BufferRole::residual : ir::BufferRole::gate, Element::f32,
                        rows * outputs, 64);
    other_value_ = add_register(program_, "other", {Element::f32, lanes});
  }
  c_ = add_buffer(program_, ir::BufferRole::output, Element::f32, rows * outputs, 64, ir::BufferKind::output);
  if (kernel_.quantizes_rows) rows_.declare(c_);
  if (corrected) correction_ = add_register(program_, "correction", {Element::i32, lanes});
  scale_ = add_register(program_, "scale", {Element::f32, lanes});
  result_ = add_register(program_, "result", {Element::f32, lanes});
}

LoopNest::Steps Epilogue::steps() {
  LoopNest::Steps steps;
  if (kernel_.quantizes_rows)
    steps.row_end = [this](ir::Body& body, const ir::Affine& row) { rows_.emit(body, row); };
  return steps;
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
  if (kernel_.problem.w.scaling == ir::Scaling::row)
    body.push_back(Instruction{Op::load, scale, {}, sw_, n});
  else
    body.push_back(Instruction{Op::splat, scale, {}, sw_, {}, 1});
  body.push_back(Instruction{Op::multiply, result, {result, scale}});
  ir::Affine address = n;
  address.constant += m.constant * output_stride(kernel_.problem);
  for (const ir::Affine::Term& term : m.terms)
    address.add(term.variable, term.factor * output_stride(kernel_.problem));
  add_finish(body, address);
  body.push_back(Instruction{Op::store, {}, {result}, c_, address});
}

void Epilogue::add_finish(ir::Body& body, const ir::Affine& address) {
  if (kernel_.epilogue == ir::Epilogue::plain) return;
  const RegisterUse other{other_value_, {}}, result{result_, {}};
  body.push_back(Instruction{Op::load, other, {}, other_, address});
  if (kernel_.epilogue == ir::Epilogue::residual) {
    body.push_back(Instruction{Op::add, result, {other, result}});
    return;
  }
  body.push_back(Instruction{Op::relu, other, {other}});
  body.push_back(Instruction{Op::multiply, other, {other, other}});
  body.push_back(Instruction{Op::multiply, result, {other, result}});
}

}  // namespace tern::codegen
