// The dot strategy: weights are unpacked to bytes, four at a time for each output, and multiplied with four
// activations that all outputs share. One lane of an accumulator belongs to one output, so nothing is summed
// across lanes.
#include "codegen/loop_nest.h"
#include "codegen/lower.h"

namespace tern::codegen {
namespace {

using ir::Affine;
using ir::Body;
using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;

class DotLowering {
 public:
  explicit DotLowering(const ir::Kernel& kernel)
      : kernel_(kernel),
        leaf_(leaf_of(kernel)),
        map_(kernel.weights, kernel.problem.n, kernel.problem.k),
        nest_(kernel, program_) {}

  ir::Program run() {
    declare();
    LoopNest::Steps steps;
    steps.start = [&](Body& body) { body.push_back(Instruction{Op::constant, sum()}); };
    steps.tile = [&](Body& body) { tile(body); };
    steps.finish = [&](Body& body) { finish(body); };
    if (widens()) {
      steps.block = kernel_.compute.widen_every_k;
      steps.block_start = [&](Body& body) { body.push_back(Instruction{Op::constant, partial()}); };
      steps.block_finish = [&](Body& body) {
        body.push_back(Instruction{Op::widen, sum(), {sum(), partial()}});
      };
    }
    nest_.build(steps);
    return std::move(program_);
  }

 private:
  bool widens() const { return kernel_.compute.widen_every_k != 0; }
  bool codes() const { return kernel_.compute.offset != 0; }

  void declare() {
    const ir::Problem& problem = kernel_.problem;
    const int64_t rows = padded_rows(kernel_);
    program_.name = kernel_.name;
    const Element stored = leaf_.vectors > 1 ? Element::u8 : Element::i8;
    // Bytes of a dense packing hold nothing but trits.
    const int64_t lowest = leaf_.vectors > 1 ? 0 : -1, highest = leaf_.vectors > 1 ? 0 : 1;
    w_ = add_buffer(program_,
                    {"W", stored, map_.size_in_bytes(), kernel_.weights.alignment, false, lowest, highest});
    a_ = add_buffer(program_, {"A", Element::i8, rows * activation_stride(problem), 64});
    asum_ = add_buffer(program_, {"asum", Element::i32, rows, 4, false, -128 * problem.k, 127 * problem.k});
    sa_ = add_buffer(program_, {"sa", Element::f32, rows, 4});
    sw_ = add_buffer(program_, {"sw", Element::f32, 1, 4});
    c_ = add_buffer(program_, {"C", Element::f32, rows * output_stride(problem), 64, true});

    const int lanes = leaf_.lanes;
    sum_ = add_register(program_, "sum", {Element::i32, lanes}, nest_.accumulators());
    if (widens())
      partial_ = add_register(program_, "partial", {Element::i16, 2 * lanes}, nest_.accumulators());
    packed_ = add_register(program_, "packed", {stored, 4 * lanes}, nest_.outputs());
    if (leaf_.vectors > 1 || codes())
      weight_ =
          add_register(program_, "weight", {codes() ? Element::u8 : Element::i8, 4 * lanes}, nest_.outputs());
    if (leaf_.vectors == 1 || !codes()) {
      one_ = add_register(program_, "one", {Element::i8, 4 * lanes});
      signed_ = add_register(program_, "signed", {Element::i8, 4 * lanes});
    }
    activation_ = add_register(program_, "activation", {Element::i8, 4 * lanes});
    correction_ = add_register(program_, "correction", {Element::i32, lanes});
    scale_ = add_register(program_, "scale", {Element::f32, lanes});
    result_ = add_register(program_, "result", {Element::f32, lanes});
  }

  // A bound on the magnitude of an unpacked weight: what the bits of its field can hold.
  int64_t largest_weight() const {
    const int bits = row(kernel_.weights.packing).bit_width;
    return bits == 0 ? 2 : (1 << bits) - 1;
  }

  RegisterUse sum() const { return {sum_, nest_.accumulator()}; }
  RegisterUse partial() const { return {partial_, nest_.accumulator()}; }
  RegisterUse packed() const { return {packed_, nest_.output()}; }
  RegisterUse weight() const {
    return leaf_.vectors == 1 && !codes() ? packed() : RegisterUse{weight_, nest_.output()};
  }

  // The address of the present vector of packed weights, in bytes.
  Affine weight_address() const {
    Affine address = nest_.position(map_);
    for (Affine::Term& term : address.terms) term.factor /= leaf_.vectors;
    return address;
  }

  void tile(Body& body) {
    nest_.each_output(body, [&](Body& inner) {
      inner.push_back(Instruction{Op::load, packed(), {}, w_, weight_address()});
    });
    for (int digit = 0; digit < leaf_.vectors; ++digit) {
      nest_.each_output(body, [&](Body& inner) { unpack(inner, digit); });
      nest_.each_accumulator(
          body, [&](Body& inner) { multiply(inner); },
          [&](Body& row) {
            Affine address = nest_.coordinate(ir::Axis::k);
            for (const Affine::Term& term : nest_.coordinate(ir::Axis::m).terms)
              address.add(term.variable, term.factor * activation_stride(kernel_.problem));
            address.constant += 4 * digit;
            row.push_back(Instruction{Op::splat, {activation_, {}}, {}, a_, address, 4});
          });
    }
  }

  // One digit of the packed weights as bytes: codes 0, 1, 2 or trits -1, 0, +1.
  void unpack(Body& body, int digit) {
    const ir::PackingRow& packing = row(kernel_.weights.packing);
    const RegisterUse one{one_, {}}, as_signed{signed_, {}};
    if (leaf_.vectors == 1) {
      if (!codes()) return;
      body.push_back(Instruction{Op::constant, one, {}, 0, {}, 1});
      body.push_back(Instruction{Op::add, as_signed, {packed(), one}});
      body.push_back(Instruction{Op::convert, weight(), {as_signed}});
      return;
    }
    // A trit is a code less one; without an offset the code takes the place of its packed vector last.
    RegisterUse code = weight();
    if (!codes()) {
      if (code_ < 0) code_ = add_register(program_, "code", {Element::u8, 4 * leaf_.lanes});
      code = {code_, {}};
    }
    const int shift = packing.first_bit + packing.bit_step * digit;
    RegisterUse shifted = packed();
    if (shift != 0) {
      body.push_back(Instruction{Op::shift_right, code, {packed()}, 0, {}, shift});
      shifted = code;
    }
    body.push_back(Instruction{Op::bit_and, code, {shifted}, 0, {}, (1 << packing.bit_width) - 1});
    if (codes()) return;
    body.push_back(Instruction{Op::constant, one, {}, 0, {}, 1});
    body.push_back(Instruction{Op::convert, as_signed, {code}});
    body.push_back(Instruction{Op::subtract, weight(), {as_signed, one}});
  }

  void multiply(Body& body) {
    const RegisterUse activation{activation_, {}};
    if (widens())
      body.push_back(Instruction{Op::dot2, partial(), {partial(), weight(), activation}});
    else
      body.push_back(Instruction{Op::dot4, sum(), {sum(), weight(), activation}, 0, {}, largest_weight()});
  }

  // C = f32(sum - correction) / sa * sw, in this order.
  void finish(Body& body) {
    const Affine m = nest_.coordinate(ir::Axis::m);
    const RegisterUse correction{correction_, {}}, scale{scale_, {}}, result{result_, {}};
    if (codes()) {
      body.push_back(Instruction{Op::splat, correction, {}, asum_, m, 1});
      body.push_back(Instruction{Op::subtract, sum(), {sum(), correction}});
    }
    body.push_back(Instruction{Op::convert, result, {sum()}});
    body.push_back(Instruction{Op::splat, scale, {}, sa_, m, 1});
    body.push_back(Instruction{Op::divide, result, {result, scale}});
    body.push_back(Instruction{Op::splat, scale, {}, sw_, {}, 1});
    body.push_back(Instruction{Op::multiply, result, {result, scale}});
    Affine address = nest_.coordinate(ir::Axis::n);
    for (const Affine::Term& term : m.terms)
      address.add(term.variable, term.factor * output_stride(kernel_.problem));
    body.push_back(Instruction{Op::store, {}, {result}, c_, address});
  }

  const ir::Kernel& kernel_;
  const ir::Leaf leaf_;
  const ir::LayoutMap map_;
  ir::Program program_;
  LoopNest nest_;
  int w_, a_, asum_, sa_, sw_, c_;
  int sum_, partial_, packed_, weight_, one_, signed_, activation_, correction_, scale_, result_;
  int code_ = -1;
};

}  // namespace

ir::Program lower_dot(const ir::Kernel& kernel) {
  return DotLowering(kernel).run();
}

}  // namespace tern::codegen
