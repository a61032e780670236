// The dot strategy: weights are unpacked to bytes, four at a time for each output, and multiplied with four
// activations that all outputs share. One lane of an accumulator belongs to one output, so nothing is summed
// across lanes.
#include "codegen/lower/epilogue.h"
#include "codegen/lower/lower.h"
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
        leaf_(leaf_of(kernel)),
        map_(kernel.weights, kernel.problem.n, kernel.problem.k),
        nest_(kernel, program_),
        weights_(kernel, place_in(nest_, map_), program_),
        epilogue_(kernel, program_, nest_) {}

  ir::Program run() {
    declare();
    LoopNest::Steps steps = epilogue_.steps();
    steps.tile = [&](Body& body) { tile(body); };
    if (widens()) {
      const auto start = [&](Body& body) {
        for (int i = 0; i < places(); ++i) body.push_back(Instruction{Op::constant, partial(i)});
      };
      const auto finish = [&](Body& body) {
        merge_places(body, [&](int place) { return partial(place); });
        body.push_back(Instruction{Op::widen, sum(0), {sum(0), partial(0)}});
      };
      steps.blocks.push_back({kernel_.compute.widen_every_k, start, finish});
    }
    nest_.build(steps);
    return std::move(program_);
  }

 private:
  bool widens() const { return kernel_.compute.widen_every_k != 0; }
  // Digits of a byte that are masked in place have sums of their own.
  int places() const { return kernel_.compute.in_place; }

  void declare() {
    const ir::Problem& problem = kernel_.problem;
    const int64_t rows = padded_rows(kernel_);
    const int lanes = leaf_.lanes;
    program_.name = kernel_.name;
    sums_ = widens() ? 1 : places();
    sum_ = add_register(program_, "sum", {Element::i32, lanes}, sums_ * nest_.accumulators());
    if (widens())
      partial_ =
          add_register(program_, "partial", {Element::i16, 2 * lanes}, places() * nest_.accumulators());
    weights_.declare();
    a_ =
        add_buffer(program_, ir::BufferRole::activations, Element::i8, rows * activation_stride(problem), 64);
    activation_ = add_register(program_, "activation", {Element::i8, 4 * lanes});
    epilogue_.declare(exact_sums());
  }

  RegisterUse sum(int place) const { return {sum_, times(nest_.accumulator(), sums_, place)}; }
  RegisterUse partial(int place) const { return {partial_, times(nest_.accumulator(), places(), place)}; }

  void tile(Body& body) {
    nest_.each_output(body, [&](Body& inner) { weights_.start(inner); });
    for (int digit = 0; digit < weights_.digits(); ++digit) {
      nest_.each_output(body, [&](Body& inner) { weights_.digit(inner, digit); });
      nest_.each_accumulator(
          body, [&](Body& inner) { multiply(inner, digit); },
          [&](Body& row) {
            Affine address = nest_.row_address(ir::Axis::k, activation_stride(kernel_.problem));
            address.constant += 4 * digit;
            row.push_back(Instruction{Op::splat, {activation_, {}}, {}, a_, address, 4});
          });
    }
  }

  void multiply(Body& body, int digit) {
    const RegisterUse activation{activation_, {}};
    const int place = weights_.place(digit);
    if (widens())
      body.push_back(Instruction{Op::dot2, partial(place), {partial(place), weights_.weight(), activation}});
    else
      body.push_back(Instruction{
          Op::dot4, sum(place), {sum(place), weights_.weight(), activation}, 0, {}, weights_.largest(digit)});
  }

  // The sums of digits that were masked in place are multiples of 4^place.
  template <class At>
  void merge_places(Body& body, At at) {
    for (int place = 1; place < places(); ++place) {
      body.push_back(Instruction{Op::shift_right, at(place), {at(place)}, 0, {}, 2 * place});
      body.push_back(Instruction{Op::add, at(0), {at(0), at(place)}});
    }
  }

  ExactSums exact_sums() {
    ExactSums sums;
    sums.lanes = leaf_.lanes;
    sums.zero_point = kernel_.compute.offset;
    sums.clear = [&](Body& body) {
      for (int i = 0; i < sums_; ++i) body.push_back(Instruction{Op::constant, sum(i)});
    };
    sums.each_vector = [&](Body& body, const auto& visit) {
      visit(body, {nest_.coordinate(ir::Axis::m), nest_.coordinate(ir::Axis::n), {}, 0, [&](Body& at) {
                     if (!widens()) merge_places(at, [&](int place) { return sum(place); });
                     return sum(0);
                   }});
    };
    return sums;
  }

  const ir::Kernel& kernel_;
  const ir::Leaf leaf_;
  const ir::LayoutMap map_;
  ir::Program program_;
  LoopNest nest_;
  UnpackWeights weights_;
  Epilogue epilogue_;
  int sums_ = 1;
  int a_ = 0, sum_ = 0, partial_ = 0, activation_ = 0;
};

}  // namespace

ir::Program lower_dot(const ir::Kernel& kernel) {
  return DotLowering(kernel).run();
}

}  // namespace tern::codegen
