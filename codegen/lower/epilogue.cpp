#include "codegen/lower/epilogue.h"

#include <cstdlib>
#include <utility>

#include "codegen/lower/lower.h"

namespace tern::codegen {

using ir::Affine;
using ir::Body;
using ir::BufferKind;
using ir::BufferRole;
using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;
using ir::Scaling;

namespace {

// i32 sums of other parts of k are this large at most, so that adding them to a sum cannot overflow.
constexpr int64_t max_partial_sum = int64_t{1} << 30;

}  // namespace

void Epilogue::declare(ExactSums sums) {
  sums_ = std::move(sums);
  zero_point_ = sums_.zero_point + problem_.w.zero_point;
  const int64_t rows = padded_rows(kernel_);
  declare_activations(rows);
  declare_scales();
  declare_output(rows);
  if (kernel_.quantizes_rows) rows_.declare(c_);
  const auto add = [&](const char* name, Element element) {
    return add_register(program_, name, {element, sums_.lanes});
  };
  if (zero_point_ != 0) correction_ = add("correction", Element::i32);
  if (std::abs(zero_point_) > 1) shifted_ = add("multiple", Element::i32);
  scale_ = add("scale", Element::f32);
  result_ = add("result", Element::f32);
  if (grouped()) declare_totals();
}

void Epilogue::declare_activations(int64_t rows) {
  const int64_t inputs = grouped() ? problem_.sum_group() : problem_.k;
  const int64_t sums = grouped() ? group_stride(problem_, inputs) : 1;
  asum_ = add_buffer(program_, BufferRole::activation_sums, Element::i32, rows * sums, 4, BufferKind::input,
                     -128 * inputs, 127 * inputs);
  if (kernel_.epilogue == ir::Epilogue::sums) return;
  if (problem_.a.scaling == Scaling::group)
    activation_scales_ = add_buffer(program_, BufferRole::activation_factors, Element::f32,
                                    rows * group_stride(problem_, problem_.a.group), 4);
  else
    activation_scales_ = add_buffer(program_, BufferRole::activation_scales, Element::f32, rows, 4);
}

void Epilogue::declare_scales() {
  if (kernel_.epilogue == ir::Epilogue::sums) return;
  if (kernel_.scales) {
    const ir::LayoutMap map(*kernel_.scales, problem_.n, ir::ceil_divide(problem_.k, problem_.w.group));
    weight_scales_ = add_buffer(program_, BufferRole::group_scales, problem_.w.scale, map.positions(),
                                kernel_.scales->alignment);
    return;
  }
  const bool by_row = problem_.w.scaling == Scaling::row;
  weight_scales_ = add_buffer(program_, BufferRole::weight_scales, Element::f32,
                              by_row ? output_stride(problem_) : 1, by_row ? 64 : 4);
}

void Epilogue::declare_output(int64_t rows) {
  const int64_t size = rows * output_stride(problem_);
  const auto add_other = [&](BufferRole role, Element element) {
    other_ = add_buffer(program_, role, element, size, 64);
    other_value_ = add_register(program_, "other", {element, sums_.lanes});
  };
  Element output = Element::f32;
  switch (kernel_.epilogue) {
    case ir::Epilogue::plain: break;
    case ir::Epilogue::residual: add_other(BufferRole::residual, Element::f32); break;
    case ir::Epilogue::gate: add_other(BufferRole::gate, Element::f32); break;
    case ir::Epilogue::sums: output = Element::i32; break;
    case ir::Epilogue::add_sums:
      other_ = add_buffer(program_, BufferRole::partial_sums, Element::i32, size, 64, BufferKind::input,
                          -max_partial_sum, max_partial_sum);
      other_value_ = add_register(program_, "other", {Element::i32, sums_.lanes});
      break;
  }
  c_ = add_buffer(program_, BufferRole::output, output, size, 64, BufferKind::output);
}

void Epilogue::declare_totals() {
  const int64_t count = sums_.vectors * nest_.accumulators();
  if (sums_.in_loop)
    totals_ =
        add_buffer(program_, {"totals", Element::f32, count * sums_.lanes, 64, BufferKind::scratch, 0, 0});
  const int64_t registers = sums_.in_loop ? 1 : count;
  total_ = add_register(program_, "total", {Element::f32, sums_.lanes}, registers);
  if (nested()) group_ = add_register(program_, "group", {Element::f32, sums_.lanes}, registers);
  if (!kernel_.scales) return;
  const int64_t vectors = sums_.parts * nest_.outputs();
  group_scale_ = add_register(program_, "group_scale", {Element::f32, sums_.lanes}, vectors);
  if (problem_.w.scale != Element::f32)
    stored_scale_ = add_register(program_, "stored_scale", {problem_.w.scale, sums_.lanes});
}

LoopNest::Steps Epilogue::steps() {
  LoopNest::Steps steps;
  if (kernel_.quantizes_rows)
    steps.row_end = [this](Body& body, const Affine& row) { rows_.emit(body, row); };
  const auto each = [this](void (Epilogue::*emit)(Body&, const SumVector&)) {
    return [this, emit](Body& body) {
      sums_.each_vector(body, [&](Body& inner, const SumVector& vector) { (this->*emit)(inner, vector); });
    };
  };
  const auto gathered = [this](const LoopNest::Emit& visit) {
    return [this, visit](Body& body) {
      if (sums_.gather) sums_.gather(body);
      if (visit) visit(body);
    };
  };
  if (!grouped()) {
    steps.start = sums_.clear;
    steps.finish = gathered(each(&Epilogue::finish_sum));
    return steps;
  }
  steps.start = each(&Epilogue::clear_total);
  // Rows share the scales: they are loaded once for each vector of outputs, just before they are used.
  const LoopNest::Block scales = {
      problem_.w.group, {}, [this](Body& body) { load_group_scales(body); }, true};
  const bool scales_of_groups = kernel_.scales && (!nested() || problem_.scales_terms_by_a());
  if (nested()) {
    const LoopNest::Emit clear = sums_.in_loop ? LoopNest::Emit{} : each(&Epilogue::clear_group);
    const auto add = sums_.in_loop ? &Epilogue::add_kept_groups : &Epilogue::add_group;
    steps.blocks.push_back({problem_.outer_group(), clear, each(add)});
    if (scales_of_groups) steps.blocks.push_back(scales);
  }
  const LoopNest::Emit add_terms = nested() && sums_.in_loop ? LoopNest::Emit{} : each(&Epilogue::add_term);
  steps.blocks.push_back({problem_.sum_group(), sums_.clear, gathered(add_terms)});
  if (kernel_.scales && !(nested() && scales_of_groups)) steps.blocks.push_back(scales);
  steps.finish = each(&Epilogue::finish_total);
  return steps;
}

Affine Epilogue::output_address(const SumVector& vector) const {
  Affine address = times(vector.m, output_stride(problem_), vector.n.constant);
  for (const Affine::Term& term : vector.n.terms) address.add(term.variable, term.factor);
  return address;
}

Affine Epilogue::group_address(const Affine& m, int64_t group) const {
  const Affine number = nest_.group_of_k(group);
  Affine address = times(m, group_stride(problem_, group), number.constant);
  for (const Affine::Term& term : number.terms) address.add(term.variable, term.factor);
  return address;
}

Affine Epilogue::kept_sum() const {
  if (!nested()) return {};
  Affine place = times(nest_.accumulator(), terms());
  for (const Affine::Term& term : nest_.group_within(problem_.outer_group(), problem_.sum_group()).terms)
    place.add(term.variable, term.factor);
  return place;
}

RegisterUse Epilogue::of_vector(int array, const SumVector& vector) const {
  if (sums_.in_loop) return {array, {}};
  Affine index = times(nest_.accumulator(), sums_.vectors, vector.index.constant);
  for (const Affine::Term& term : vector.index.terms) index.add(term.variable, term.factor);
  return {array, index};
}

Affine Epilogue::total_address(const SumVector& vector) const {
  Affine address =
      times(nest_.accumulator(), sums_.vectors * sums_.lanes, vector.index.constant * sums_.lanes);
  for (const Affine::Term& term : vector.index.terms) address.add(term.variable, term.factor * sums_.lanes);
  return address;
}

RegisterUse Epilogue::group_scale(int part) const {
  return {group_scale_, times(nest_.output(), sums_.parts, part)};
}

// sum - zero_point * (sum of the activations), by shifts: zero points are small. `term`: the group's number
// within the present one.
void Epilogue::correct(Body& body, const RegisterUse& sum, const Affine& m, int64_t term) {
  if (zero_point_ == 0) return;
  const RegisterUse correction{correction_, {}}, shifted{shifted_, {}};
  Affine address = grouped() ? group_address(m, problem_.sum_group()) : m;
  address.constant += term;
  body.push_back(Instruction{Op::splat, correction, {}, asum_, address, 1});
  const Op op = zero_point_ > 0 ? Op::subtract : Op::add;
  for (int bit = 0; std::abs(zero_point_) >> bit != 0; ++bit) {
    if ((std::abs(zero_point_) >> bit & 1) == 0) continue;
    if (bit != 0) body.push_back(Instruction{Op::shift_left, shifted, {correction}, 0, {}, bit});
    body.push_back(Instruction{op, sum, {sum, bit == 0 ? correction : shifted}});
  }
}

void Epilogue::finish_sum(Body& body, const SumVector& vector) {
  const RegisterUse sum = vector.sum(body, {}), result{result_, {}}, other{other_value_, {}};
  correct(body, sum, vector.m);
  if (kernel_.epilogue == ir::Epilogue::sums) {
    body.push_back(Instruction{Op::store, {}, {sum}, c_, output_address(vector)});
    return;
  }
  if (kernel_.epilogue == ir::Epilogue::add_sums) {
    body.push_back(Instruction{Op::load, other, {}, other_, output_address(vector)});
    body.push_back(Instruction{Op::add, sum, {sum, other}});
  }
  body.push_back(Instruction{Op::convert, result, {sum}});
  finish(body, result, vector);
}

void Epilogue::clear_total(Body& body, const SumVector& vector) {
  body.push_back(Instruction{Op::constant, total(vector)});
  if (sums_.in_loop)
    body.push_back(Instruction{Op::store, {}, {total(vector)}, totals_, total_address(vector)});
}

void Epilogue::load_group_scales(Body& body) {
  const ir::LayoutMap map(*kernel_.scales, problem_.n, ir::ceil_divide(problem_.k, problem_.w.group));
  for (int part = 0; part < sums_.parts; ++part) {
    Affine address = nest_.position(map, problem_.w.group);
    address.constant += part * sums_.lanes;
    const bool converts = problem_.w.scale != Element::f32;
    const RegisterUse stored = converts ? RegisterUse{stored_scale_, {}} : group_scale(part);
    body.push_back(Instruction{Op::load, stored, {}, weight_scales_, address});
    if (converts) body.push_back(Instruction{Op::convert, group_scale(part), {stored}});
  }
}

void Epilogue::clear_group(Body& body, const SumVector& vector) {
  body.push_back(Instruction{Op::constant, of_vector(group_, vector)});
}

void Epilogue::multiply_by_activation_factor(Body& body, const RegisterUse& x, const Affine& address) {
  const RegisterUse scale{scale_, {}};
  body.push_back(Instruction{Op::splat, scale, {}, activation_scales_, address, 1});
  body.push_back(Instruction{Op::multiply, x, {x, scale}});
}

// term * fine, of the group with that number within the present one: see Problem.
void Epilogue::scale_term(Body& body, const RegisterUse& term, const SumVector& vector, int64_t number) {
  if (!problem_.scales_terms_by_a()) {
    body.push_back(Instruction{Op::multiply, term, {term, group_scale(vector.part)}});
    return;
  }
  Affine address = group_address(vector.m, problem_.a.group);
  address.constant += number;
  multiply_by_activation_factor(body, term, address);
}

// group * coarse, where there is one.
void Epilogue::scale_group(Body& body, const RegisterUse& group, const SumVector& vector) {
  if (!problem_.is_grouped_twice()) return;
  if (problem_.scales_terms_by_a())
    body.push_back(Instruction{Op::multiply, group, {group, group_scale(vector.part)}});
  else
    multiply_by_activation_factor(body, group, group_address(vector.m, problem_.a.group));
}

void Epilogue::add_to_total(Body& body, const RegisterUse& x, const SumVector& vector) {
  const RegisterUse total = this->total(vector);
  if (sums_.in_loop) body.push_back(Instruction{Op::load, total, {}, totals_, total_address(vector)});
  body.push_back(Instruction{Op::add, total, {total, x}});
  if (sums_.in_loop) body.push_back(Instruction{Op::store, {}, {total}, totals_, total_address(vector)});
}

// A complete sum of a group goes to the sum of its larger group, or to the total.
void Epilogue::add_term(Body& body, const SumVector& vector) {
  const RegisterUse sum = vector.sum(body, {}), result{result_, {}};
  correct(body, sum, vector.m);
  body.push_back(Instruction{Op::convert, result, {sum}});
  scale_term(body, result, vector, 0);
  if (nested()) {
    const RegisterUse group = of_vector(group_, vector);
    body.push_back(Instruction{Op::add, group, {group, result}});
    return;
  }
  scale_group(body, result, vector);
  add_to_total(body, result, vector);
}

void Epilogue::add_group(Body& body, const SumVector& vector) {
  const RegisterUse group = of_vector(group_, vector);
  scale_group(body, group, vector);
  add_to_total(body, group, vector);
}

// The same of a larger group whose smaller ones' sums were kept.
void Epilogue::add_kept_groups(Body& body, const SumVector& vector) {
  const RegisterUse group = of_vector(group_, vector), result{result_, {}};
  for (int64_t number = 0; number < terms(); ++number) {
    const RegisterUse sum = vector.sum(body, times(nest_.accumulator(), terms(), number)),
                      term = number == 0 ? group : result;
    correct(body, sum, vector.m, number);
    body.push_back(Instruction{Op::convert, term, {sum}});
    scale_term(body, term, vector, number);
    if (number > 0) body.push_back(Instruction{Op::add, group, {group, result}});
  }
  add_group(body, vector);
}

void Epilogue::finish_total(Body& body, const SumVector& vector) {
  const RegisterUse total = this->total(vector);
  if (sums_.in_loop) body.push_back(Instruction{Op::load, total, {}, totals_, total_address(vector)});
  finish(body, total, vector);
}

// result / sa * sw, where there are sa and sw, and the end.
void Epilogue::finish(Body& body, const RegisterUse& result, const SumVector& vector) {
  const RegisterUse scale{scale_, {}};
  if (problem_.a.scaling == Scaling::row) {
    body.push_back(Instruction{Op::splat, scale, {}, activation_scales_, vector.m, 1});
    body.push_back(Instruction{Op::divide, result, {result, scale}});
  }
  if (!kernel_.scales) {
    if (problem_.w.scaling == Scaling::row)
      body.push_back(Instruction{Op::load, scale, {}, weight_scales_, vector.n});
    else
      body.push_back(Instruction{Op::splat, scale, {}, weight_scales_, {}, 1});
    body.push_back(Instruction{Op::multiply, result, {result, scale}});
  }
  const Affine address = output_address(vector);
  add_other(body, result, address);
  body.push_back(Instruction{Op::store, {}, {result}, c_, address});
}

void Epilogue::add_other(Body& body, const RegisterUse& result, const Affine& address) {
  const RegisterUse other{other_value_, {}};
  switch (kernel_.epilogue) {
    case ir::Epilogue::plain:
    case ir::Epilogue::sums:
    case ir::Epilogue::add_sums: return;
    case ir::Epilogue::residual:
      body.push_back(Instruction{Op::load, other, {}, other_, address});
      body.push_back(Instruction{Op::add, result, {other, result}});
      return;
    case ir::Epilogue::gate:
      body.push_back(Instruction{Op::load, other, {}, other_, address});
      body.push_back(Instruction{Op::relu, other, {other}});
      body.push_back(Instruction{Op::multiply, other, {other, other}});
      body.push_back(Instruction{Op::multiply, result, {other, result}});
      return;
  }
}

}  // namespace tern::codegen
