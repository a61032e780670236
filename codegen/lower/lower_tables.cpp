// Builds look-up tables: for each code of several weights, the sum of the activations that it stands for.
#include "codegen/lower/loop_nest.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/kernel_shape.h"

namespace tern::codegen {
namespace {

using ir::Affine;
using ir::Body;
using ir::Element;
using ir::Instruction;
using ir::Op;
using ir::RegisterUse;

class TablesLowering {
 public:
  explicit TablesLowering(const ir::Kernel& kernel)
      : kernel_(kernel), shape_(table_shape(kernel)), lanes_(static_cast<int>(shape_.code_bytes())) {}

  ir::Program run() {
    declare();
    ir::Loop rows{ir::LoopKind::parallel, add_variable("m0"), padded_rows(kernel_), {}};
    ir::Loop vectors{ir::LoopKind::sequential, add_variable("k0"), shape_.vectors, {}};
    for (int code = 0; code < shape_.codes; ++code)
      add_code(vectors.body, code, rows.variable, vectors.variable);
    rows.body.push_back(std::move(vectors));
    program_.body.push_back(std::move(rows));
    return std::move(program_);
  }

 private:
  int add_variable(const char* name) {
    program_.variables.push_back(name);
    return static_cast<int>(program_.variables.size()) - 1;
  }

  void declare() {
    const int64_t rows = padded_rows(kernel_);
    program_.name = kernel_.name + "_tables";
    a_ = add_buffer(program_, ir::BufferRole::activations, Element::i8,
                    rows * activation_stride(kernel_.problem), 64);
    t_ = add_buffer(program_, ir::BufferRole::tables_low, shape_.low_element(), rows * shape_.row_bytes(), 64,
                    ir::BufferKind::output);
    h_ = add_buffer(program_, ir::BufferRole::tables_high, Element::i8, rows * shape_.row_bytes(), 64,
                    ir::BufferKind::output);
    sum_ = add_register(program_, "sum", {Element::i16, lanes_});
    narrow_ = add_register(program_, "narrow", {Element::i8, lanes_});
    wide_ = add_register(program_, "wide", {Element::i16, lanes_});
    mask_ = add_register(program_, "mask", {Element::u8, lanes_ / 8});
    low_ = add_register(program_, "low", {Element::u8, lanes_});
    high_ = add_register(program_, "high", {Element::i8, lanes_});
    if (shape_.half_table()) {
      signed_low_ = add_register(program_, "signed_low", {Element::i8, lanes_});
      lowest_ = add_register(program_, "lowest", {Element::i8, lanes_});
    }
    if (shape_.by_dot4) {
      four_ = add_register(program_, "four", {Element::i8, 16});
      lane_ = add_register(program_, "lane", {Element::u8, lanes_});
      ir::Table lanes{"lanes", Element::u8, {}};
      for (int i = 0; i < lanes_; ++i) lanes.values.push_back(i / shape_.entries);
      lane_table_ = add_table(std::move(lanes));
    }
    for (int index = 0; index < shape_.weights_per_code; ++index) {
      plus_.push_back(add_mask("plus", index, 1));
      minus_.push_back(add_mask("minus", index, -1));
    }
  }

  int add_table(ir::Table table) {
    program_.tables.push_back(std::move(table));
    return static_cast<int>(program_.tables.size()) - 1;
  }

  // A bit for each entry of a code's tables: whether weight number `index` of the code is `trit` there.
  int add_mask(const char* name, int index, int trit) {
    ir::Table mask{name + std::to_string(index), Element::u8, std::vector<int64_t>(lanes_ / 8)};
    for (int i = 0; i < lanes_; ++i) {
      if (trit_of_code(shape_.packing, i % shape_.entries, index) == trit)
        mask.values[i / 8] |= int64_t{1} << i % 8;
    }
    return add_table(std::move(mask));
  }

  void add_code(Body& body, int code, int row, int vector) {
    const RegisterUse sum{sum_, {}}, narrow{narrow_, {}}, wide{wide_, {}}, mask{mask_, {}};
    body.push_back(Instruction{Op::constant, sum, {}, 0, {}, -shape_.lowest_low()});
    for (int index = 0; index < shape_.weights_per_code; ++index) {
      read_activation(body, code * shape_.weights_per_code + index, row, vector);
      body.push_back(Instruction{Op::convert, wide, {narrow}});
      body.push_back(Instruction{Op::table, mask, {}, 0, {}, plus_[index]});
      body.push_back(Instruction{Op::add_where, sum, {sum, wide, mask}});
      body.push_back(Instruction{Op::table, mask, {}, 0, {}, minus_[index]});
      body.push_back(Instruction{Op::subtract_where, sum, {sum, wide, mask}});
    }
    Affine address{code * shape_.code_bytes(), {}};
    address.add(vector, shape_.codes * shape_.code_bytes());
    address.add(row, shape_.row_bytes());
    if (shape_.half_table())
      body.push_back(Instruction{Op::shift_left, sum, {sum}, 0, {}, 8 - shape_.radix_bits()});
    body.push_back(Instruction{Op::store, {}, {low_part(body)}, t_, address});
    body.push_back(Instruction{Op::high_byte, {high_, {}}, {sum}});
    body.push_back(Instruction{Op::store, {}, {{high_, {}}}, h_, address});
  }

  // The low byte of the sum. With half tables the sum was shifted left, so that its high part is the high
  // byte: the low part is shifted back, and lowest_low is added.
  RegisterUse low_part(Body& body) {
    const RegisterUse low{low_, {}}, signed_low{signed_low_, {}}, lowest{lowest_, {}};
    body.push_back(Instruction{Op::low_byte, low, {{sum_, {}}}});
    if (!shape_.half_table()) return low;
    body.push_back(Instruction{Op::shift_right, low, {low}, 0, {}, 8 - shape_.radix_bits()});
    body.push_back(Instruction{Op::convert, signed_low, {low}});
    body.push_back(Instruction{Op::constant, lowest, {}, 0, {}, shape_.lowest_low()});
    body.push_back(Instruction{Op::add, signed_low, {signed_low, lowest}});
    return signed_low;
  }

  // The activation that weight number `weight` of a vector's groups stands for, in each entry's lane.
  void read_activation(Body& body, int weight, int row, int vector) {
    const RegisterUse narrow{narrow_, {}};
    Affine address{int64_t{weight} * shape_.tables_per_code(), {}};
    address.add(vector, shape_.vector_k);
    address.add(row, activation_stride(kernel_.problem));
    if (!shape_.by_dot4) {
      body.push_back(Instruction{Op::splat, narrow, {}, a_, address, 1});
      return;
    }
    const RegisterUse four{four_, {}}, lane{lane_, {}};
    body.push_back(Instruction{Op::splat, four, {}, a_, address, 4});
    body.push_back(Instruction{Op::table, lane, {}, 0, {}, lane_table_});
    body.push_back(Instruction{Op::lookup, narrow, {four, lane}});
  }

  const ir::Kernel& kernel_;
  const ir::TableShape shape_;
  const int lanes_;  // entries of all tables of a code
  ir::Program program_;
  int a_ = 0, t_ = 0, h_ = 0;
  int sum_ = 0, narrow_ = 0, wide_ = 0, mask_ = 0, low_ = 0, high_ = 0, four_ = 0, lane_ = 0, lane_table_ = 0,
      signed_low_ = 0, lowest_ = 0;
  std::vector<int> plus_, minus_;
};

}  // namespace

ir::Program lower_tables(const ir::Kernel& kernel) {
  return TablesLowering(kernel).run();
}

}  // namespace tern::codegen
