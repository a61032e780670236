// The lookup strategy: each code of several weights looks the sum of the activations that it stands for up,
// in tables of 16-bit sums split into low and high bytes.
//
// By dot4, the four bytes of a lane have tables of their own, for the four neighbouring inputs that `dot`
// would multiply: codes get the number of their byte above their bits, and a dot4 with ones adds the four
// looked-up values to the lane. Otherwise each byte belongs to another output: low and high bytes are
// combined to i16 and added there.
//
// With half tables (PackingInfo::half_table) both parts of a sum (see TableShape) are negated where the
// code's highest bit is set, and added in i8 for as many inputs as Verify can prove to fit. Then low and high
// parts are interleaved, and a dot4 with (1, radix) adds low + radix * high to an i32.
#include "codegen/lower/epilogue.h"
#include "codegen/lower/lower.h"
#include "codegen/lower/read_codes.h"
#include "codegen/lower/strategies.h"

namespace tern::codegen {
namespace {

using ir::Affine;
using ir::Body;
using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;

class LookupLowering {
 public:
  explicit LookupLowering(const ir::Kernel& kernel)
      : kernel_(kernel),
        vector_(weight_vector(kernel)),
        tables_(table_shape(kernel)),
        map_(kernel.weights, kernel.problem.n, kernel.problem.k),
        nest_(kernel, program_),
        codes_(kernel, weights_of_tile(nest_, map_), program_),
        epilogue_(kernel, program_, nest_) {}

  ir::Program run() {
    declare();
    LoopNest::Steps steps = epilogue_.steps();
    steps.tile = [&](Body& body) { tile(body); };
    if (!tables_.by_dot4) {
      const auto start = [&](Body& body) {
        for (int i = 0; i < partials; ++i) body.push_back(Instruction{Op::constant, partial(i)});
      };
      const auto finish = [&](Body& body) { tables_.half_table() ? widen_parts(body) : widen_halves(body); };
      steps.blocks.push_back({std::get<ir::LookupCompute>(kernel_.compute).widen_every_k, start, finish});
    }
    nest_.build(steps);
    return std::move(program_);
  }

 private:
  // Of the lower and the upper half of the outputs; or, with half tables, of the low and the high parts.
  static constexpr int partials = 2;
  // By dot4 one of low and one of high bytes; else one for each half, or quarter, of the outputs.
  int sums() const { return tables_.half_table() ? 4 : 2; }

  int radix() const { return 1 << tables_.radix_bits(); }
  int bytes() const { return tables_.by_dot4 ? 4 * vector_.lanes : vector_.lanes; }
  int sum_lanes() const { return tables_.by_dot4 ? vector_.lanes : vector_.lanes / sums(); }

  void declare() {
    const int64_t rows = padded_rows(kernel_);
    program_.name = kernel_.name;
    sum_ = add_register(program_, "sum", {Element::i32, sum_lanes()}, sums() * nest_.accumulators());
    codes_.declare(bytes(), true);
    const Element low = tables_.low_element();
    const int64_t lowest = tables_.lowest_low();
    t_ = add_buffer(program_, ir::BufferRole::tables_low, low, rows * tables_.row_bytes(), 64,
                    ir::BufferKind::input, lowest, lowest + radix() - 1);
    // Sums of w activations lie in -128 * w .. 127 * w.
    const auto high_of = [&](int64_t sum) { return (sum - lowest) >> tables_.radix_bits(); };
    h_ = add_buffer(program_, ir::BufferRole::tables_high, Element::i8, rows * tables_.row_bytes(), 64,
                    ir::BufferKind::input, high_of(-128 * tables_.weights_per_code),
                    high_of(127 * tables_.weights_per_code));
    const int entries = static_cast<int>(tables_.code_bytes());
    low_table_ = add_register(program_, "low_table", {low, entries});
    high_table_ = add_register(program_, "high_table", {Element::i8, entries});
    index_ = add_register(program_, "index", {Element::u8, bytes()});
    low_ = add_register(program_, "low_part", {low, bytes()});
    high_ = add_register(program_, "high_part", {Element::i8, bytes()});
    if (tables_.half_table()) {
      partial_ = add_register(program_, "partial", {Element::i8, bytes()}, partials * nest_.accumulators());
      parts_ = add_register(program_, "parts", {Element::i8, bytes()});
      factors_ = add_register(program_, "factors", {Element::u8, bytes()});
      program_.tables.push_back({"first", Element::u8, {1, radix(), 0, 0}});
      program_.tables.push_back({"second", Element::u8, {0, 0, 1, radix()}});
    } else if (tables_.by_dot4) {
      lane_ = add_register(program_, "lane", {Element::u8, bytes()});
      ones_ = add_register(program_, "ones", {Element::i8, bytes()});
      unsigned_ones_ = add_register(program_, "unsigned_ones", {Element::u8, bytes()});
      ir::Table lanes{"lanes", Element::u8, {}};
      for (int lane = 0; lane < 4; ++lane) lanes.values.push_back(lane * tables_.entries);
      program_.tables.push_back(std::move(lanes));
    } else {
      partial_ =
          add_register(program_, "partial", {Element::i16, sum_lanes()}, partials * nest_.accumulators());
      joined_ = add_register(program_, "joined", {Element::i16, sum_lanes()});
      wide_ = add_register(program_, "wide", {Element::i32, sum_lanes()});
    }
    epilogue_.declare(exact_sums());
  }

  // Register number i of the `count` of the present accumulator.
  RegisterUse of_accumulator(int array, int count, int i) const {
    return {array, times(nest_.accumulator(), count, i)};
  }
  RegisterUse sum(int i) const { return of_accumulator(sum_, sums(), i); }
  RegisterUse partial(int i) const { return of_accumulator(partial_, partials, i); }

  void tile(Body& body) {
    nest_.each_output(body, [&](Body& inner) { codes_.start(inner); });
    for (int code = 0; code < codes_.codes(); ++code) {
      nest_.each_output(body, [&](Body& inner) { codes_.read(inner, code); });
      nest_.each_accumulator(
          body, [&](Body& inner) { look_up(inner); }, [&](Body& row) { load_tables(row, code); });
    }
  }

  void load_tables(Body& body, int code) {
    Affine address{code * tables_.code_bytes(), {}};
    for (const Affine::Term& term : nest_.coordinate(ir::Axis::k).terms)
      address.add(term.variable, term.factor / tables_.vector_k * tables_.codes * tables_.code_bytes());
    for (const Affine::Term& term : nest_.coordinate(ir::Axis::m).terms)
      address.add(term.variable, term.factor * tables_.row_bytes());
    body.push_back(Instruction{Op::load, {low_table_, {}}, {}, t_, address});
    body.push_back(Instruction{Op::load, {high_table_, {}}, {}, h_, address});
  }

  void look_up(Body& body) {
    const RegisterUse low{low_, {}}, high{high_, {}}, index{index_, {}};
    RegisterUse code = codes_.code();
    if (tables_.by_dot4) {
      const RegisterUse lane{lane_, {}};
      body.push_back(
          Instruction{Op::table, lane, {}, 0, {}, static_cast<int64_t>(program_.tables.size()) - 1});
      body.push_back(Instruction{Op::bit_select, index, {code, lane}, 0, {}, tables_.entries - 1});
      code = index;
    }
    body.push_back(Instruction{Op::lookup, low, {{low_table_, {}}, code}});
    body.push_back(Instruction{Op::lookup, high, {{high_table_, {}}, code}});
    if (tables_.half_table()) return add_signed(body, code);
    tables_.by_dot4 ? add_by_dot4(body) : add_joined(body);
  }

  void add_signed(Body& body, const RegisterUse& code) {
    for (int i = 0; i < partials; ++i) {
      const RegisterUse part{i == 0 ? low_ : high_, {}};
      body.push_back(Instruction{Op::apply_sign, part, {part, code}});
      body.push_back(Instruction{Op::add, partial(i), {partial(i), part}});
    }
  }

  void add_by_dot4(Body& body) {
    const RegisterUse ones{ones_, {}}, unsigned_ones{unsigned_ones_, {}};
    body.push_back(Instruction{Op::constant, ones, {}, 0, {}, 1});
    body.push_back(Instruction{Op::constant, unsigned_ones, {}, 0, {}, 1});
    body.push_back(Instruction{Op::dot4, sum(0), {sum(0), {low_, {}}, ones}, 0, {}, 255});
    body.push_back(Instruction{Op::dot4, sum(1), {sum(1), unsigned_ones, {high_, {}}}, 0, {}, 1});
  }

  void add_joined(Body& body) {
    const RegisterUse joined{joined_, {}};
    for (int half = 0; half < partials; ++half) {
      body.push_back(Instruction{Op::bytes_to_i16, joined, {{low_, {}}, {high_, {}}}, 0, {}, half});
      body.push_back(Instruction{Op::add, partial(half), {partial(half), joined}});
    }
  }

  void widen_halves(Body& body) {
    const RegisterUse wide{wide_, {}};
    for (int half = 0; half < partials; ++half) {
      body.push_back(Instruction{Op::convert, wide, {partial(half)}});
      body.push_back(Instruction{Op::add, sum(half), {sum(half), wide}});
    }
  }

  // Low and high parts of two outputs come into each lane of four bytes.
  void widen_parts(Body& body) {
    const RegisterUse parts{parts_, {}}, factors{factors_, {}};
    for (int half = 0; half < 2; ++half) {
      body.push_back(Instruction{
          half == 0 ? Op::interleave_low : Op::interleave_high, parts, {partial(0), partial(1)}, 0, {}, 1});
      for (int output = 0; output < 2; ++output) {
        const RegisterUse wanted = sum(2 * half + output);
        body.push_back(Instruction{Op::table, factors, {}, 0, {}, output});
        body.push_back(Instruction{Op::dot4, wanted, {wanted, factors, parts}, 0, {}, radix()});
      }
    }
  }

  ExactSums exact_sums() {
    ExactSums exact;
    exact.lanes = sum_lanes();
    exact.vectors = exact.parts = tables_.by_dot4 ? 1 : sums();
    exact.clear = [&](Body& body) {
      for (int i = 0; i < sums(); ++i) body.push_back(Instruction{Op::constant, sum(i)});
    };
    exact.each_vector = [&, vectors = exact.vectors](Body& body, const auto& visit) {
      Affine n = nest_.coordinate(ir::Axis::n);
      for (int i = 0; i < vectors; ++i, n.constant += sum_lanes())
        visit(body, {nest_.coordinate(ir::Axis::m), n, {i, {}}, i, [&, i](Body& at, const Affine&) {
                       return complete(at, i);
                     }});
    };
    return exact;
  }

  // Sum number i; by dot4 there is one, low + 256 * high.
  RegisterUse complete(Body& body, int i) {
    if (tables_.by_dot4) {
      body.push_back(Instruction{Op::shift_left, sum(1), {sum(1)}, 0, {}, 8});
      body.push_back(Instruction{Op::add, sum(0), {sum(0), sum(1)}});
    }
    return sum(i);
  }

  const ir::Kernel& kernel_;
  const ir::WeightVector vector_;
  const ir::TableShape tables_;
  const ir::LayoutMap map_;
  ir::Program program_;
  LoopNest nest_;
  ReadCodes codes_;
  Epilogue epilogue_;
  int t_ = 0, h_ = 0;
  int sum_ = 0, partial_ = 0, joined_ = 0, wide_ = 0, low_table_ = 0, high_table_ = 0, index_ = 0, low_ = 0,
      high_ = 0, lane_ = 0, ones_ = 0, unsigned_ones_ = 0, parts_ = 0, factors_ = 0;
};

ir::Program lower_lookup(const ir::Kernel& kernel) {
  return LookupLowering(kernel).run();
}

std::vector<ir::Program> tables(const ir::Kernel& kernel) {
  return {lower_tables(kernel)};
}

}  // namespace

constinit const StrategyLowering lookup_lowering = {lower_lookup, tables};

}  // namespace tern::codegen
