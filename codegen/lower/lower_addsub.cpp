// The addsub strategy: every weight of an input is a bit in one of two masks over the outputs; activations
// are added where one says +1 and subtracted where the other says -1.
#include "codegen/lower/epilogue.h"
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

class AddsubLowering {
 public:
  explicit AddsubLowering(const ir::Kernel& kernel)
      : kernel_(kernel),
        vector_(weight_vector(kernel)),
        map_(kernel.weights, kernel.problem.n, kernel.problem.k),
        nest_(kernel, program_),
        epilogue_(kernel, program_, nest_) {}

  ir::Program run() {
    declare();
    LoopNest::Steps steps = epilogue_.steps();
    steps.tile = [&](Body& body) { tile(body); };
    if (widens()) {
      const auto start = [&](Body& body) { body.push_back(Instruction{Op::constant, partial()}); };
      const auto finish = [&](Body& body) {
        const RegisterUse wide{wide_, {}};
        body.push_back(Instruction{Op::convert, wide, {partial()}});
        body.push_back(Instruction{Op::add, sum(), {sum(), wide}});
      };
      steps.blocks.push_back({widen_every_k(kernel_.compute), start, finish});
    }
    nest_.build(steps);
    return std::move(program_);
  }

 private:
  bool widens() const { return widen_every_k(kernel_.compute) != 0; }
  RegisterUse sum() const { return {sum_, nest_.accumulator()}; }
  RegisterUse partial() const { return widens() ? RegisterUse{partial_, nest_.accumulator()} : sum(); }

  void declare() {
    const int64_t rows = padded_rows(kernel_);
    const int lanes = vector_.lanes;
    const Element narrow = widens() ? Element::i16 : Element::i32;
    program_.name = kernel_.name;
    w_ = add_buffer(program_, ir::BufferRole::weights, Element::u8, map_.size_in_bytes(),
                    kernel_.weights.alignment);
    a_ = add_buffer(program_, ir::BufferRole::activations, Element::i8,
                    rows * activation_stride(kernel_.problem), 64);
    sum_ = add_register(program_, "sum", {Element::i32, lanes}, nest_.accumulators());
    if (widens()) partial_ = add_register(program_, "partial", {narrow, lanes}, nest_.accumulators());
    plus_ = add_register(program_, "plus", {Element::u8, lanes / 8});
    minus_ = add_register(program_, "minus", {Element::u8, lanes / 8});
    byte_ = add_register(program_, "byte", {Element::i8, lanes});
    activation_ = add_register(program_, "activation", {narrow, lanes});
    if (widens()) wide_ = add_register(program_, "wide", {Element::i32, lanes});
    epilogue_.declare(exact_sums());
  }

  ExactSums exact_sums() {
    ExactSums sums;
    sums.lanes = vector_.lanes;
    sums.clear = [&](Body& body) { body.push_back(Instruction{Op::constant, sum()}); };
    sums.each_vector = [&](Body& body, const auto& visit) {
      visit(body, {nest_.coordinate(ir::Axis::m),
                   nest_.coordinate(ir::Axis::n),
                   {},
                   0,
                   [&](Body&, const ir::Affine&) { return sum(); }});
    };
    return sums;
  }

  void tile(Body& body) {
    const RegisterUse activation{activation_, {}};
    nest_.each_accumulator(
        body, [&](Body& inner) { add_masked(inner); },
        [&](Body& row) {
          const Affine address = nest_.row_address(ir::Axis::k, activation_stride(kernel_.problem));
          row.push_back(Instruction{Op::splat, {byte_, {}}, {}, a_, address, 1});
          row.push_back(Instruction{Op::convert, activation, {{byte_, {}}}});
        });
  }

  // Masks are loaded where they are used: CPUs have few registers for them.
  void add_masked(Body& body) {
    const RegisterUse activation{activation_, {}}, plus{plus_, {}}, minus{minus_, {}};
    const ir::PackingInfo& packing = info(kernel_.weights.packing);
    Affine address = nest_.position(map_);
    for (Affine::Term& term : address.terms)
      term.factor = term.factor / packing.weights_per_group * packing.bytes_per_group;
    body.push_back(Instruction{Op::load, plus, {}, w_, address});
    body.push_back(Instruction{Op::add_where, partial(), {partial(), activation, plus}});
    address.constant += map_.byte_stride();
    body.push_back(Instruction{Op::load, minus, {}, w_, address});
    body.push_back(Instruction{Op::subtract_where, partial(), {partial(), activation, minus}});
  }

  const ir::Kernel& kernel_;
  const ir::WeightVector vector_;
  const ir::LayoutMap map_;
  ir::Program program_;
  LoopNest nest_;
  Epilogue epilogue_;
  int w_ = 0, a_ = 0;
  int sum_ = 0, partial_ = 0, plus_ = 0, minus_ = 0, byte_ = 0, activation_ = 0, wide_ = 0;
};

ir::Program lower_addsub(const ir::Kernel& kernel) {
  return AddsubLowering(kernel).run();
}

}  // namespace

constinit const StrategyLowering addsub_lowering = {lower_addsub, no_preparations};

}  // namespace tern::codegen
