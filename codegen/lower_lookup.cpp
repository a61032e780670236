// The lookup strategy: each code of several weights looks the sum of the activations that it stands for up,
// in tables of 16-bit sums split into low and high bytes.
//
// With quads, the four bytes of a lane have tables of their own, for the four inputs side by side that `dot`
// would multiply; codes get their lane's number above their bits, and all four sums are added by a dot4 with
// ones. Otherwise each byte belongs to another output, low and high bytes are joined to i16 and added there.
#include "codegen/epilogue.h"
#include "codegen/lower.h"
#include "codegen/read_codes.h"

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
        leaf_(leaf_of(kernel)),
        tables_(table_shape(kernel)),
        map_(kernel.weights, kernel.problem.n, kernel.problem.k),
        nest_(kernel, program_),
        codes_(kernel, place_in(nest_, map_), program_),
        epilogue_(kernel, program_) {}

  ir::Program run() {
    declare();
    LoopNest::Steps steps = epilogue_.steps();
    steps.start = [&](Body& body) {
      for (int half = 0; half < halves; ++half) body.push_back(Instruction{Op::constant, sum(half)});
    };
    steps.tile = [&](Body& body) { tile(body); };
    steps.finish = [&](Body& body) { finish(body); };
    if (!tables_.quads) {
      steps.block = kernel_.compute.widen_every_k;
      steps.block_start = [&](Body& body) {
        for (int half = 0; half < halves; ++half) body.push_back(Instruction{Op::constant, partial(half)});
      };
      steps.block_finish = [&](Body& body) {
        const RegisterUse wide{wide_, {}};
        for (int half = 0; half < halves; ++half) {
          body.push_back(Instruction{Op::convert, wide, {partial(half)}});
          body.push_back(Instruction{Op::add, sum(half), {sum(half), wide}});
        }
      };
    }
    nest_.build(steps);
    return std::move(program_);
  }

 private:
  // Sums of low and of high bytes with quads; of the lower and the upper half of the outputs without.
  static constexpr int halves = 2;

  int bytes() const { return tables_.quads ? 4 * leaf_.lanes : leaf_.lanes; }
  int sum_lanes() const { return tables_.quads ? leaf_.lanes : leaf_.lanes / 2; }

  void declare() {
    const int64_t rows = padded_rows(kernel_);
    program_.name = kernel_.name;
    sum_ = add_register(program_, "sum", {Element::i32, sum_lanes()}, halves * nest_.accumulators());
    codes_.declare(bytes(), true);
    t_ = add_buffer(program_, {"T", Element::u8, rows * tables_.row_bytes(), 64});
    // Sums of `digits` activations lie in -128 * digits .. 127 * digits.
    h_ = add_buffer(program_, {"H", Element::i8, rows * tables_.row_bytes(), 64, ir::BufferKind::input,
                               -128 * tables_.digits >> 8, 127 * tables_.digits >> 8});
    const int entries = static_cast<int>(tables_.code_bytes());
    low_table_ = add_register(program_, "low_table", {Element::u8, entries});
    high_table_ = add_register(program_, "high_table", {Element::i8, entries});
    index_ = add_register(program_, "index", {Element::u8, bytes()});
    low_ = add_register(program_, "low_part", {Element::u8, bytes()});
    high_ = add_register(program_, "high_part", {Element::i8, bytes()});
    if (tables_.quads) {
      lane_ = add_register(program_, "lane", {Element::u8, bytes()});
      ones_ = add_register(program_, "ones", {Element::i8, bytes()});
      unsigned_ones_ = add_register(program_, "unsigned_ones", {Element::u8, bytes()});
      ir::Table lanes{"lanes", Element::u8, {}};
      for (int lane = 0; lane < 4; ++lane) lanes.values.push_back(lane * tables_.entries);
      program_.tables.push_back(std::move(lanes));
    } else {
      partial_ =
          add_register(program_, "partial", {Element::i16, sum_lanes()}, halves * nest_.accumulators());
      joined_ = add_register(program_, "joined", {Element::i16, sum_lanes()});
      wide_ = add_register(program_, "wide", {Element::i32, sum_lanes()});
    }
    epilogue_.declare(sum_lanes(), false);
  }

  RegisterUse half_of(int array, int half) const {
    Affine index = nest_.accumulator();
    index.constant = index.constant * halves + half;
    for (Affine::Term& term : index.terms) term.factor *= halves;
    return {array, index};
  }
  RegisterUse sum(int half) const { return half_of(sum_, half); }
  RegisterUse partial(int half) const { return half_of(partial_, half); }

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
      address.add(term.variable, term.factor / tables_.word_k * tables_.codes * tables_.code_bytes());
    for (const Affine::Term& term : nest_.coordinate(ir::Axis::m).terms)
      address.add(term.variable, term.factor * tables_.row_bytes());
    body.push_back(Instruction{Op::load, {low_table_, {}}, {}, t_, address});
    body.push_back(Instruction{Op::load, {high_table_, {}}, {}, h_, address});
  }

  void look_up(Body& body) {
    const RegisterUse low{low_, {}}, high{high_, {}}, index{index_, {}};
    RegisterUse code = codes_.code();
    if (tables_.quads) {
      const RegisterUse lane{lane_, {}};
      body.push_back(
          Instruction{Op::table, lane, {}, 0, {}, static_cast<int64_t>(program_.tables.size()) - 1});
      body.push_back(Instruction{Op::blend, index, {code, lane}, 0, {}, tables_.entries - 1});
      code = index;
    }
    body.push_back(Instruction{Op::lookup, low, {{low_table_, {}}, code}});
    body.push_back(Instruction{Op::lookup, high, {{high_table_, {}}, code}});
    tables_.quads ? add_quads(body) : add_joined(body);
  }

  void add_quads(Body& body) {
    const RegisterUse ones{ones_, {}}, unsigned_ones{unsigned_ones_, {}};
    body.push_back(Instruction{Op::constant, ones, {}, 0, {}, 1});
    body.push_back(Instruction{Op::constant, unsigned_ones, {}, 0, {}, 1});
    body.push_back(Instruction{Op::dot4, sum(0), {sum(0), {low_, {}}, ones}, 0, {}, 255});
    body.push_back(Instruction{Op::dot4, sum(1), {sum(1), unsigned_ones, {high_, {}}}, 0, {}, 1});
  }

  void add_joined(Body& body) {
    const RegisterUse joined{joined_, {}};
    for (int half = 0; half < halves; ++half) {
      body.push_back(Instruction{Op::join, joined, {{low_, {}}, {high_, {}}}, 0, {}, half});
      body.push_back(Instruction{Op::add, partial(half), {partial(half), joined}});
    }
  }

  void finish(Body& body) {
    Affine n = nest_.coordinate(ir::Axis::n);
    if (tables_.quads) {
      body.push_back(Instruction{Op::shift_left, sum(1), {sum(1)}, 0, {}, 8});
      body.push_back(Instruction{Op::add, sum(0), {sum(0), sum(1)}});
      return epilogue_.emit(body, sum(0), nest_.coordinate(ir::Axis::m), n);
    }
    for (int half = 0; half < halves; ++half) {
      epilogue_.emit(body, sum(half), nest_.coordinate(ir::Axis::m), n);
      n.constant += sum_lanes();
    }
  }

  const ir::Kernel& kernel_;
  const ir::Leaf leaf_;
  const ir::TableShape tables_;
  const ir::LayoutMap map_;
  ir::Program program_;
  LoopNest nest_;
  ReadCodes codes_;
  Epilogue epilogue_;
  int t_ = 0, h_ = 0;
  int sum_ = 0, partial_ = 0, joined_ = 0, wide_ = 0, low_table_ = 0, high_table_ = 0, index_ = 0, low_ = 0,
      high_ = 0, lane_ = 0, ones_ = 0, unsigned_ones_ = 0;
};

}  // namespace

ir::Program lower_lookup(const ir::Kernel& kernel) {
  return LookupLowering(kernel).run();
}

}  // namespace tern::codegen
