// The madd strategy, for dense weights: one lane of an accumulator belongs to one output and adds up its
// products in the order of k, each product and each sum rounded once. The order is the same for every vector
// width and never fused, so every CPU computes the same bits.
#include "codegen/lower/loop_nest.h"
#include "codegen/lower/lower.h"
#include "codegen/lower/strategies.h"

namespace tern::codegen {
namespace {

using ir::Affine;
using ir::Body;
using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;

class MaddLowering {
 public:
  explicit MaddLowering(const ir::Kernel& kernel)
      : kernel_(kernel),
        lanes_(weight_vector(kernel).lanes),
        weights_per_byte_(weight_vector(kernel).weights_per_group),
        map_(kernel.weights, kernel.problem.n, kernel.problem.k),
        nest_(kernel, program_) {}

  ir::Program run() {
    declare();
    LoopNest::Steps steps;
    steps.start = [&](Body& body) { body.push_back(Instruction{Op::constant, sum()}); };
    steps.tile = [&](Body& body) { tile(body); };
    steps.finish = [&](Body& body) {
      body.push_back(Instruction{
          Op::store, {}, {sum()}, c_, nest_.row_address(ir::Axis::n, output_stride(kernel_.problem))});
    };
    if (kernel_.scales) {
      const auto load_scale = [&](Body& body) {
        const ir::LayoutMap scales(*kernel_.scales, kernel_.problem.n, groups());
        const Affine address = nest_.position(scales, kernel_.problem.w.group);
        body.push_back(Instruction{Op::load, scale(), {}, s_, address});
      };
      steps.blocks.push_back({kernel_.problem.w.group, load_scale, {}, true});
    }
    nest_.build(steps);
    return std::move(program_);
  }

 private:
  int64_t groups() const { return ir::ceil_divide(kernel_.problem.k, kernel_.problem.w.group); }

  void declare() {
    const ir::Problem& problem = kernel_.problem;
    const int64_t rows = padded_rows(kernel_);
    program_.name = kernel_.name;
    const Element stored = weights_per_byte_ == 1 ? problem.w.element : Element::u8;
    w_ = add_buffer(program_, ir::BufferRole::weights, stored, map_.positions() / weights_per_byte_,
                    kernel_.weights.alignment);
    if (kernel_.scales) {
      const ir::LayoutMap scales(*kernel_.scales, problem.n, groups());
      s_ = add_buffer(program_, ir::BufferRole::group_scales, Element::f32, scales.positions(),
                      kernel_.scales->alignment);
    }
    a_ = add_buffer(program_, ir::BufferRole::activations, Element::f32, rows * activation_stride(problem),
                    64);
    c_ = add_buffer(program_, ir::BufferRole::output, Element::f32, rows * output_stride(problem), 64,
                    ir::BufferKind::output);

    sum_ = add_register(program_, "sum", {Element::f32, lanes_}, nest_.accumulators());
    if (problem.w.element != Element::f32)
      stored_ = add_register(program_, "stored", {stored, lanes_}, nest_.outputs());
    if (weights_per_byte_ > 1) {
      field_ = add_register(program_, "field", {Element::u8, lanes_});
      zero_point_ = add_register(program_, "zero_point", {Element::f32, lanes_});
    }
    weight_ = add_register(program_, "weight", {Element::f32, lanes_}, nest_.outputs());
    if (kernel_.scales) scale_ = add_register(program_, "scale", {Element::f32, lanes_}, nest_.outputs());
    activation_ = add_register(program_, "activation", {Element::f32, lanes_});
    product_ = add_register(program_, "product", {Element::f32, lanes_});
  }

  RegisterUse sum() const { return {sum_, nest_.accumulator()}; }
  RegisterUse weight() const { return {weight_, nest_.output()}; }
  RegisterUse scale() const { return {scale_, nest_.output()}; }

  void tile(Body& body) {
    for (int index = 0; index < weights_per_byte_; ++index) tile(body, index);
  }

  // Weight number `index` of each group.
  void tile(Body& body, int index) {
    nest_.each_output(body, [&](Body& inner) { widen_weight(inner, index); });
    const RegisterUse activation{activation_, {}}, product{product_, {}};
    nest_.each_accumulator(
        body,
        [&](Body& inner) {
          inner.push_back(Instruction{Op::multiply, product, {activation, weight()}});
          inner.push_back(Instruction{Op::add, sum(), {sum(), product}});
        },
        [&](Body& row) {
          Affine address = nest_.row_address(ir::Axis::k, activation_stride(kernel_.problem));
          address.constant += index;
          row.push_back(Instruction{Op::splat, activation, {}, a_, address, 1});
        });
  }

  void widen_weight(Body& body, int index) {
    const bool converts = kernel_.problem.w.element != Element::f32;
    const RegisterUse stored = converts ? RegisterUse{stored_, nest_.output()} : weight();
    Affine address = nest_.position(map_);
    for (Affine::Term& term : address.terms) term.factor /= weights_per_byte_;
    if (index == 0) body.push_back(Instruction{Op::load, stored, {}, w_, address});
    if (weights_per_byte_ > 1)
      read_field(body, stored, index);
    else if (converts)
      body.push_back(Instruction{Op::convert, weight(), {stored}});
    if (kernel_.scales) body.push_back(Instruction{Op::multiply, weight(), {weight(), scale()}});
  }

  // A whole number that shares its byte: a field of bits, less the zero point of its packing.
  void read_field(Body& body, const RegisterUse& stored, int index) {
    const ir::PackingInfo& packing = info(kernel_.weights.packing);
    const RegisterUse field{field_, {}}, zero_point{zero_point_, {}};
    const int shift = packing.first_bit + packing.bit_step * index;
    body.push_back(Instruction{Op::shift_right, field, {stored}, 0, {}, shift});
    body.push_back(Instruction{Op::bit_and, field, {field}, 0, {}, (1 << packing.code_bits) - 1});
    body.push_back(Instruction{Op::convert, weight(), {field}});
    body.push_back(Instruction{Op::constant, zero_point, {}, 0, {}, -lowest(kernel_.problem.w.element)});
    body.push_back(Instruction{Op::subtract, weight(), {weight(), zero_point}});
  }

  const ir::Kernel& kernel_;
  const int lanes_, weights_per_byte_;
  const ir::LayoutMap map_;
  ir::Program program_;
  LoopNest nest_;
  int w_, s_, a_, c_;
  int sum_, stored_, weight_, scale_, activation_, product_, field_, zero_point_;
};

ir::Program lower_madd(const ir::Kernel& kernel) {
  return MaddLowering(kernel).run();
}

}  // namespace

constinit const StrategyLowering madd_lowering = {lower_madd, no_preparations};

}  // namespace tern::codegen
