// The dot strategy: weights are unpacked to bytes, four at a time for each output, and multiplied with four
// activations that all outputs share. One lane of an accumulator belongs to one output, so nothing is summed
// across lanes.
#include "codegen/lower/epilogue.h"
#include "codegen/lower/lower.h"
#include "codegen/lower/strategies.h"
#include "codegen/lower/unpack_weights.h"

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
        compute_(std::get<ir::DotCompute>(kernel.compute)),
        vector_(weight_vector(kernel)),
        map_(kernel.weights, kernel.problem.n, kernel.problem.k),
        nest_(kernel, program_),
        weights_(kernel, compute_.unpacking, compute_.fields_per_shift, weights_of_tile(nest_, map_),
                 program_),
        epilogue_(kernel, program_, nest_) {}

  ir::Program run() {
    declare();
    LoopNest::Steps steps = epilogue_.steps();
    steps.tile = [&](Body& body) { tile(body); };
    if (widens()) {
      const auto start = [&](Body& body) {
        for (int i = 0; i < heights(); ++i) body.push_back(Instruction{Op::constant, partial(i)});
      };
      const auto finish = [&](Body& body) {
        add_heights(body, [&](int height) { return partial(height); });
        body.push_back(Instruction{Op::add_pairs, sum(0), {sum(0), partial(0)}});
      };
      steps.blocks.push_back({compute_.widen_every_k, start, finish});
    }
    nest_.build(steps);
    return std::move(program_);
  }

 private:
  bool widens() const { return compute_.widen_every_k != 0; }
  // Fields that are masked where they stand in the byte, at different heights, have sums of their own.
  int heights() const { return compute_.fields_per_shift; }

  void declare() {
    const ir::Problem& problem = kernel_.problem;
    const int64_t rows = padded_rows(kernel_);
    const int lanes = vector_.lanes;
    program_.name = kernel_.name;
    sums_ = widens() ? 1 : heights();
    sum_ = add_register(program_, "sum", {Element::i32, lanes}, sums_ * nest_.accumulators());
    if (widens())
      partial_ =
          add_register(program_, "partial", {Element::i16, 2 * lanes}, heights() * nest_.accumulators());
    weights_.declare();
    a_ =
        add_buffer(program_, ir::BufferRole::activations, Element::i8, rows * activation_stride(problem), 64);
    activation_ = add_register(program_, "activation", {Element::i8, 4 * lanes});
    epilogue_.declare(exact_sums());
  }

  RegisterUse sum(int height) const { return {sum_, times(nest_.accumulator(), sums_, height)}; }
  RegisterUse partial(int height) const { return {partial_, times(nest_.accumulator(), heights(), height)}; }

  void tile(Body& body) {
    nest_.each_output(body, [&](Body& inner) { weights_.start(inner); });
    for (int index = 0; index < weights_.count(); ++index) {
      nest_.each_output(body, [&](Body& inner) { weights_.unpack(inner, index); });
      nest_.each_accumulator(
          body, [&](Body& inner) { multiply(inner, index); },
          [&](Body& row) {
            Affine address = nest_.row_address(ir::Axis::k, activation_stride(kernel_.problem));
            address.constant += 4 * index;
            row.push_back(Instruction{Op::splat, {activation_, {}}, {}, a_, address, 4});
          });
    }
  }

  void multiply(Body& body, int index) {
    const RegisterUse activation{activation_, {}};
    const int height = weights_.height(index);
    if (widens())
      body.push_back(
          Instruction{Op::dot2, partial(height), {partial(height), weights_.weight(), activation}});
    else
      body.push_back(Instruction{Op::dot4,
                                 sum(height),
                                 {sum(height), weights_.weight(), activation},
                                 0,
                                 {},
                                 weights_.max_magnitude(index)});
  }

  // Sum number h is of fields that were multiplied as field * 4^h: see DotCompute.
  template <class At>
  void add_heights(Body& body, At at) {
    for (int height = 1; height < heights(); ++height) {
      body.push_back(Instruction{Op::shift_right, at(height), {at(height)}, 0, {}, 2 * height});
      body.push_back(Instruction{Op::add, at(0), {at(0), at(height)}});
    }
  }

  ExactSums exact_sums() {
    ExactSums sums;
    sums.lanes = vector_.lanes;
    sums.zero_point = compute_.unpacking.zero_point;
    sums.clear = [&](Body& body) {
      for (int i = 0; i < sums_; ++i) body.push_back(Instruction{Op::constant, sum(i)});
    };
    sums.each_vector = [&](Body& body, const auto& visit) {
      visit(
          body,
          {nest_.coordinate(ir::Axis::m), nest_.coordinate(ir::Axis::n), {}, 0, [&](Body& at, const Affine&) {
             if (!widens()) add_heights(at, [&](int height) { return sum(height); });
             return sum(0);
           }});
    };
    return sums;
  }

  const ir::Kernel& kernel_;
  const ir::DotCompute& compute_;
  const ir::WeightVector vector_;
  const ir::LayoutMap map_;
  ir::Program program_;
  LoopNest nest_;
  UnpackWeights weights_;
  Epilogue epilogue_;
  int sums_ = 1;
  int a_ = 0, sum_ = 0, partial_ = 0, activation_ = 0;
};

ir::Program lower_dot(const ir::Kernel& kernel) {
  return DotLowering(kernel).run();
}

}  // namespace

constinit const StrategyLowering dot_lowering = {lower_dot, no_preparations};

}  // namespace tern::codegen
