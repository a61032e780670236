// The tile strategy: a panel of weights, some outputs and all inputs, is unpacked once to bytes in scratch
// memory and then multiplied with every row of activations by one of ir::tile_instructions.
#include <algorithm>
#include <cassert>

#include "codegen/lower/epilogue.h"
#include "codegen/lower/lower.h"
#include "codegen/lower/strategies.h"
#include "codegen/lower/unpack_weights.h"

namespace tern::codegen {
namespace {

using ir::Affine;
using ir::Axis;
using ir::Body;
using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;
using ir::TileInstruction;

class TileLowering {
 public:
  explicit TileLowering(const ir::Kernel& kernel)
      : kernel_(kernel),
        compute_(std::get<ir::TileCompute>(kernel.compute)),
        instruction_(info(compute_.instruction)),
        vector_(weight_vector(kernel)),
        panel_shape_(panel_shape(kernel)),
        map_(kernel.weights, kernel.problem.n, kernel.problem.k),
        nest_(kernel, program_),
        weights_(kernel, compute_.unpacking, 1,
                 {1, [this] { return panel_position_; }, [] { return Affine{}; }}, program_),
        epilogue_(kernel, program_, nest_) {}

  ir::Program run() {
    declare();
    LoopNest::Steps steps = epilogue_.steps();
    steps.panel = [&](Body& body) { unpack_panel(body); };
    steps.tile = [&](Body& body) { tile(body); };
    if (widens()) {
      const auto start = [&](Body& body) { body.push_back(Instruction{Op::constant, partial()}); };
      const auto finish = [&](Body& body) {
        body.push_back(Instruction{Op::add_pairs, sum(0), {sum(0), partial()}});
      };
      steps.blocks.push_back({compute_.widen_every_k, start, finish});
    }
    nest_.build(steps);
    return std::move(program_);
  }

 private:
  bool is(TileInstruction instruction) const { return compute_.instruction == instruction; }
  bool widens() const { return compute_.widen_every_k != 0; }
  bool codes() const { return compute_.unpacking.zero_point != 0; }
  // Accumulators of a vector of outputs: mma_2x8x2 has one for each half of a block's four outputs.
  int sums_each() const { return is(TileInstruction::mma_2x8x2) ? 2 : 1; }
  int vector_bytes() const { return 4 * vector_.lanes; }
  int64_t panel_vectors() const { return panel_shape_.outputs / vector_.lanes; }
  // Vectors lie one after the other, each with all its inputs.
  int64_t panel_vector_bytes() const { return panel_shape_.inputs * vector_.lanes; }

  // Only vpdpbusd and its like want unsigned weights.
  Element panel_element() const { return is(TileInstruction::dot4) && codes() ? Element::u8 : Element::i8; }

  void declare() {
    const int lanes = vector_.lanes;
    program_.name = kernel_.name;
    const int64_t rows = padded_rows(kernel_);
    const bool tiles = has_tile_registers(compute_.instruction);
    weights_.declare();
    a_ = add_buffer(program_, ir::BufferRole::activations, Element::i8,
                    rows * activation_stride(kernel_.problem), 64);
    epilogue_.declare(exact_sums());
    int64_t largest = 0;
    for (int index = 0; index < weights_.count(); ++index)
      largest = std::max(largest, weights_.max_magnitude(index));
    const int64_t lowest = codes() ? 0 : -largest;
    largest = std::min(largest, highest(panel_element()));
    panel_ = add_buffer(program_, {"panel", panel_element(), panel_vectors() * panel_vector_bytes(), 64,
                                   ir::BufferKind::scratch, lowest, largest});
    const ir::VectorType sums =
        tiles ? ir::VectorType{Element::i32, 256} : ir::VectorType{Element::i32, lanes};
    const ir::VectorType bytes = tiles ? ir::VectorType{Element::i8, 16 * instruction_.inputs}
                                       : ir::VectorType{Element::i8, vector_bytes()};
    sum_ = add_register(program_, "sum", sums, sums_each() * nest_.accumulators());
    if (widens())
      partial_ = add_register(program_, "partial", {Element::i16, 2 * lanes}, nest_.accumulators());
    weight_ =
        add_register(program_, "unpacked", {panel_element(), bytes.lanes}, sums_each() * nest_.outputs());
    activation_ =
        add_register(program_, "activation", bytes, tiles ? nest_.accumulators() / nest_.outputs() : 1);
    converted_ = add_register(program_, "converted", {panel_element(), vector_bytes()},
                              is(TileInstruction::mma_2x8x2) ? 4 : 1);
    if (is(TileInstruction::mma_2x8x2)) {
      row_ = add_register(program_, "row", bytes, 2);
      row_sum_ = add_register(program_, "row_sum", sums, 1);
    }
    if (!tiles) return;
    const int64_t reach = panel_shape_.inputs * std::max(largest, -lowest) * 128;
    sums_ = add_buffer(program_, {"sums", Element::i32, 256 * epilogue_.kept_sums(), 64,
                                  ir::BufferKind::scratch, -reach, reach});
    row_sum_ = add_register(program_, "row_sum", {Element::i32, lanes});
  }

  RegisterUse sum(int half) const { return {sum_, times(nest_.accumulator(), sums_each(), half)}; }
  RegisterUse partial() const { return {partial_, nest_.accumulator()}; }
  RegisterUse weight(int half) const { return {weight_, times(nest_.output(), sums_each(), half)}; }

  // --- The panel.

  // Loops over the inputs in the order of the layout, one for each factor of k outside one vector of weights;
  // over the vectors of the panel inside.
  void unpack_panel(Body& body) {
    panel_position_ = nest_.position(map_);
    panel_address_ = {};
    unpack_inputs(body, 0);
  }

  int open_loop(const char* stem) {
    program_.variables.push_back(stem + std::to_string(panel_loops_++));
    return static_cast<int>(program_.variables.size()) - 1;
  }

  void unpack_inputs(Body& body, size_t factor_index) {
    const std::vector<ir::Factor>& factors = kernel_.weights.factors;
    while (factor_index < factors.size() &&
           (factors[factor_index].axis != Axis::k || factors[factor_index].divisor < vector_.k))
      ++factor_index;
    if (factor_index == factors.size()) return unpack_vectors(body);
    const ir::Factor& factor = factors[factor_index];
    const int64_t trips = (factor.modulus == 0 ? map_.padded_k() : factor.modulus) / factor.divisor;
    const std::optional<int64_t> stride = map_.stride(Axis::k, factor.divisor, trips);
    in_loop(body, trips, stride.value_or(0), factor.divisor / 4 * vector_bytes(),
            [&](Body& inner) { unpack_inputs(inner, factor_index + 1); });
  }

  void unpack_vectors(Body& body) {
    const std::optional<int64_t> stride = map_.stride(Axis::n, vector_.lanes, panel_vectors());
    assert(stride && "Verify should have refused this");
    in_loop(body, panel_vectors(), *stride, panel_vector_bytes(), [&](Body& inner) { unpack_vector(inner); });
  }

  void in_loop(Body& body, int64_t trips, int64_t positions, int64_t bytes, const LoopNest::Emit& emit) {
    if (trips == 1) return emit(body);
    ir::Loop loop{ir::LoopKind::sequential, open_loop("p"), trips, {}};
    const Affine position = panel_position_, address = panel_address_;
    panel_position_.add(loop.variable, positions);
    panel_address_.add(loop.variable, bytes);
    emit(loop.body);
    panel_position_ = position;
    panel_address_ = address;
    body.push_back(std::move(loop));
  }

  void unpack_vector(Body& body) {
    weights_.start(body);
    for (int index = 0; index < weights_.count(); ++index) {
      weights_.unpack(body, index);
      if (is(TileInstruction::mma_2x8x2))
        store_paired(body, index);
      else
        store_panel(body, in_panel_element(body, 0), index);
    }
  }

  // The unpacked weights in the panel's element type.
  RegisterUse in_panel_element(Body& body, int which) {
    if (is(TileInstruction::dot4) || !codes()) {
      if (!is(TileInstruction::mma_2x8x2)) return weights_.weight();
    }
    const RegisterUse converted{converted_, {which, {}}};
    body.push_back(Instruction{Op::convert, converted, {weights_.weight()}});
    return converted;
  }

  void store_panel(Body& body, const RegisterUse& bytes, int64_t place) {
    Affine address = panel_address_;
    address.constant += place * vector_bytes();
    body.push_back(Instruction{Op::store, {}, {bytes}, panel_, address});
  }

  // Two weights of each group are eight inputs of four outputs in a block of 16 bytes; they become two blocks
  // of eight inputs of two outputs each.
  void store_paired(Body& body, int index) {
    in_panel_element(body, index % 2);
    if (index % 2 == 0) return;
    const RegisterUse even{converted_, {0, {}}}, odd{converted_, {1, {}}};
    for (int half = 0; half < 2; ++half) {
      const RegisterUse paired{converted_, {2 + half, {}}};
      const Op op = half == 0 ? Op::interleave_low : Op::interleave_high;
      body.push_back(Instruction{op, paired, {even, odd}, 0, {}, 4});
      store_panel(body, paired, index - 1 + half);
    }
  }

  // --- The product.

  // Where the present unit's weights are in the panel. The panel starts at the nest's present panel.
  Affine weight_address() const {
    const Affine k = nest_.coordinate(Axis::k);
    Affine address;
    for (const Affine::Term& term : nest_.output_in_panel().terms)
      address.add(term.variable, term.factor / vector_.lanes * panel_vector_bytes());
    for (const Affine::Term& term : k.terms) address.add(term.variable, term.factor * vector_.lanes);
    return address;
  }

  Affine activation_address(int64_t row) const {
    const int64_t stride = activation_stride(kernel_.problem);
    Affine address = nest_.row_address(Axis::k, stride);
    address.constant += row * stride;
    return address;
  }

  void tile(Body& body) {
    switch (compute_.instruction) {
      case TileInstruction::dot4: return tile_by_dot4(body);
      case TileInstruction::mma_2x8x2: return tile_by_mma_2x8x2(body);
      case TileInstruction::mma_16x64x16:
      case TileInstruction::mma_16x32x16: return tile_by_tile_registers(body);
    }
  }

  void tile_by_dot4(Body& body) {
    nest_.each_output(body, [&](Body& inner) {
      inner.push_back(Instruction{Op::load, weight(0), {}, panel_, weight_address()});
    });
    const RegisterUse activation{activation_, {}};
    const int64_t largest = program_.buffers[panel_].highest;
    nest_.each_accumulator(
        body,
        [&](Body& inner) {
          if (widens())
            inner.push_back(Instruction{Op::dot2, partial(), {partial(), weight(0), activation}});
          else
            inner.push_back(Instruction{Op::dot4, sum(0), {sum(0), weight(0), activation}, 0, {}, largest});
        },
        [&](Body& row) {
          row.push_back(Instruction{Op::splat, activation, {}, a_, activation_address(0), 4});
        });
  }

  void tile_by_mma_2x8x2(Body& body) {
    nest_.each_output(body, [&](Body& inner) {
      for (int half = 0; half < 2; ++half) {
        Affine address = weight_address();
        address.constant += half * vector_bytes();
        inner.push_back(Instruction{Op::load, weight(half), {}, panel_, address});
      }
    });
    const RegisterUse activation{activation_, {}}, first{row_, {0, {}}}, second{row_, {1, {}}};
    nest_.each_accumulator(
        body,
        [&](Body& inner) {
          for (int half = 0; half < 2; ++half)
            inner.push_back(Instruction{Op::dot8, sum(half), {sum(half), activation, weight(half)}});
        },
        [&](Body& row) {
          row.push_back(Instruction{Op::splat, first, {}, a_, activation_address(0), 8});
          row.push_back(Instruction{Op::splat, second, {}, a_, activation_address(1), 8});
          row.push_back(Instruction{Op::interleave_low, activation, {first, second}, 0, {}, 8});
        });
  }

  void tile_by_tile_registers(Body& body) {
    nest_.each_output(body, [&](Body& inner) {
      inner.push_back(Instruction{Op::tile_load_quads, weight(0), {}, panel_, weight_address(), 64});
    });
    nest_.each_row(body, [&](Body& inner) {
      inner.push_back(Instruction{Op::tile_load,
                                  {activation_, nest_.row()},
                                  {},
                                  a_,
                                  activation_address(0),
                                  activation_stride(kernel_.problem)});
    });
    nest_.each_accumulator(body, [&](Body& inner) {
      inner.push_back(Instruction{Op::tile_dot, sum(0), {sum(0), {activation_, nest_.row()}, weight(0)}});
    });
  }

  // --- The end.

  ExactSums exact_sums() {
    ExactSums sums;
    sums.lanes = vector_.lanes;
    sums.vectors = static_cast<int>(instruction_.rows);
    sums.zero_point = compute_.unpacking.zero_point;
    sums.in_loop = has_tile_registers(compute_.instruction);
    sums.clear = [&](Body& body) {
      for (int half = 0; half < sums_each(); ++half) body.push_back(Instruction{Op::constant, sum(half)});
    };
    if (sums.in_loop)
      sums.gather = [&](Body& body) {
        body.push_back(
            Instruction{Op::tile_store, {}, {sum(0)}, sums_, times(epilogue_.kept_sum(), 256), 16});
      };
    sums.each_vector = [&](Body& body, const auto& visit) { each_row_of_unit(body, visit); };
    return sums;
  }

  // Visits the rows of the present accumulator.
  template <class Visit>
  void each_row_of_unit(Body& body, const Visit& visit) {
    const Affine m = nest_.coordinate(Axis::m), n = nest_.coordinate(Axis::n);
    const RegisterUse row_sum{row_sum_, {}};
    switch (compute_.instruction) {
      case TileInstruction::dot4:
        return visit(body, {m, n, {}, 0, [&](Body&, const Affine&) { return sum(0); }});
      case TileInstruction::mma_2x8x2:
        for (int row = 0; row < 2; ++row) {
          Affine this_row = m;
          this_row.constant += row;
          visit(body, {this_row, n, {row, {}}, 0, [&, row](Body& at, const Affine&) {
                         const Op op = row == 0 ? Op::interleave_low : Op::interleave_high;
                         at.push_back(Instruction{op, row_sum, {sum(0), sum(1)}, 0, {}, 8});
                         return row_sum;
                       }});
        }
        return;
      case TileInstruction::mma_16x64x16:
      case TileInstruction::mma_16x32x16: {
        ir::Loop rows{ir::LoopKind::sequential, open_loop("row"), instruction_.rows, {}};
        Affine number, this_row = m;
        number.add(rows.variable, 1);
        this_row.add(rows.variable, 1);
        visit(rows.body, {this_row, n, number, 0, [&](Body& at, const Affine& kept) {
                            Affine place = times(kept, 256);
                            place.add(rows.variable, 16);
                            at.push_back(Instruction{Op::load, row_sum, {}, sums_, place});
                            return row_sum;
                          }});
        body.push_back(std::move(rows));
        return;
      }
    }
  }

  const ir::Kernel& kernel_;
  const ir::TileCompute& compute_;
  const ir::TileInstructionInfo& instruction_;
  const ir::WeightVector vector_;
  const ir::PanelShape panel_shape_;
  const ir::LayoutMap map_;
  ir::Program program_;
  LoopNest nest_;
  Affine panel_position_, panel_address_;  // of the present vector: in the layout, and in scratch
  int panel_loops_ = 0;
  UnpackWeights weights_;
  Epilogue epilogue_;
  int a_ = 0, panel_ = 0, sums_ = 0;
  int sum_ = 0, partial_ = 0, weight_ = 0, activation_ = 0, converted_ = 0, row_ = 0, row_sum_ = 0;
};

ir::Program lower_tile(const ir::Kernel& kernel) {
  return TileLowering(kernel).run();
}

}  // namespace

constinit const StrategyLowering tile_lowering = {lower_tile, no_preparations};

}  // namespace tern::codegen
