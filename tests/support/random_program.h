// Programs drawn at random from all that verify accepts: every operation, nested loops, integers that reach
// far and inputs of which a range is promised.
#pragma once

#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "ir/kernel/verify_kernel.h"
#include "ir/program/program.h"
#include "ir/program/verify_program.h"
#include "tests/support/random.h"

namespace tern::testing {

class ProgramMaker {
 public:
  // With `unrolled`, some loops are of kind `unroll` and index registers.
  ProgramMaker(Random& random, bool unrolled) : random_(random), unrolled_(unrolled) {}

  ir::Program make() {
    program_ = {};
    program_.name = "random";
    declare();
    for (size_t array = 0; array < program_.registers.size(); ++array) {
      for (int64_t i = 0; i < count; ++i)
        program_.body.push_back(
            ir::Instruction{ir::Op::constant, use(static_cast<int>(array), i), {}, 0, {}, 0});
    }
    add_statements(program_.body, 0, true);
    // What the registers hold at the end must be seen.
    for (size_t array = 0; array < program_.registers.size(); ++array) {
      for (int64_t i = 0; i < count; ++i) {
        ir::Instruction store{ir::Op::store, {}, {use(static_cast<int>(array), i)}};
        store.buffer = outputs_.at(program_.registers[array].type.element);
        store.address.constant = 400 + 16 * i;
        program_.body.push_back(store);
      }
    }
    return program_;
  }

 private:
  static constexpr int64_t count = 3;  // registers an array, and the most iterations of an unrolled loop
  static constexpr int64_t size = 512;

  void declare() {
    using ir::Element;
    for (const Element element :
         {Element::u8, Element::i8, Element::i16, Element::i32, Element::f32, Element::f16, Element::bf16}) {
      ir::Buffer input{"in_" + std::string(name(element)), element, size, 1};
      if (element == Element::i8 || element == Element::i16 || element == Element::i32) {
        if (random_.pick(0, 3) != 0) {
          input.lowest = -random_.pick(0, 2 << random_.pick(0, 5));
          input.highest = random_.pick(1, 2 << random_.pick(0, 5));
        }
      } else if (element == Element::u8 && random_.coin()) {
        input.highest = random_.pick(1, 20);
      }
      inputs_[element] = static_cast<int>(program_.buffers.size());
      program_.buffers.push_back(input);
      if (element == Element::f16 || element == Element::bf16) continue;
      outputs_[element] = static_cast<int>(program_.buffers.size());
      program_.buffers.push_back(
          {"out_" + std::string(name(element)), element, size, 1, ir::BufferKind::output});
    }
    program_.tables = {
        {"table_a", Element::u8, {}}, {"table_b", Element::i8, {}}, {"table_c", Element::u8, {}}};
    for (ir::Table& table : program_.tables) {
      for (int64_t left = 1 << random_.pick(0, 4); left > 0; --left)
        table.values.push_back(random_.pick(lowest(table.element), highest(table.element)));
    }
    for (const ir::VectorType type : std::initializer_list<ir::VectorType>{{Element::u8, 16},
                                                                           {Element::i8, 16},
                                                                           {Element::i16, 8},
                                                                           {Element::i16, 16},
                                                                           {Element::i32, 4},
                                                                           {Element::i32, 16},
                                                                           {Element::u8, 2},
                                                                           {Element::f32, 16}})
      program_.registers.push_back({"r_" + print(type), type, count});
  }

  static ir::RegisterUse use(int array, int64_t index) { return {array, {index, {}}}; }

  int array_of(ir::VectorType type) const {
    for (size_t i = 0; i < program_.registers.size(); ++i) {
      if (program_.registers[i].type == type) return static_cast<int>(i);
    }
    return 0;
  }

  // Some register of that type; its index may be the variable of an unrolled loop.
  ir::RegisterUse any(ir::VectorType type) {
    ir::RegisterUse chosen = use(array_of(type), random_.pick(0, count - 1));
    if (unroll_variable_ >= 0 && random_.coin()) chosen.index = {0, {{unroll_variable_, 1}}};
    return chosen;
  }

  ir::Affine address() {
    ir::Affine affine{random_.pick(0, 20), {}};
    for (const int variable : scope_) {
      if (random_.coin()) affine.add(variable, random_.pick(0, 16));
    }
    return affine;
  }

  void add_statements(ir::Body& body, int depth, bool may_be_parallel) {
    for (int64_t left = random_.pick(1, 4); left > 0; --left) {
      if (depth < 3 && random_.pick(0, 2) == 0)
        body.push_back(loop(depth, may_be_parallel));
      else
        body.push_back(instruction());
    }
  }

  ir::Loop loop(int depth, bool may_be_parallel) {
    const bool parallel = may_be_parallel && random_.pick(0, 2) == 0;
    const bool unroll = !parallel && unrolled_ && unroll_variable_ < 0 && random_.coin();
    ir::Loop loop{parallel ? ir::LoopKind::parallel
                  : unroll ? ir::LoopKind::unroll
                           : ir::LoopKind::sequential,
                  static_cast<int>(program_.variables.size()),
                  random_.pick(1, unroll ? count : 6),
                  {}};
    program_.variables.push_back("v" + std::to_string(loop.variable));
    scope_.push_back(loop.variable);
    if (unroll) unroll_variable_ = loop.variable;
    add_statements(loop.body, depth + 1, parallel);
    if (unroll) unroll_variable_ = -1;
    scope_.pop_back();
    return loop;
  }

  ir::Instruction instruction() {
    using ir::Element;
    using ir::Op;
    const std::vector<ir::RegisterArray>& arrays = program_.registers;
    const ir::VectorType u8{Element::u8, 16}, i8{Element::i8, 16}, i16{Element::i16, 8}, i32{Element::i32, 4};
    const ir::VectorType type = arrays[random_.pick(0, arrays.size() - 1)].type;
    const bool is_real = type.element == Element::f32;
    ir::Instruction made;
    made.op = ir::ops[random_.pick(0, ir::ops.size() - 1)].op;
    switch (made.op) {
      case Op::constant:
        made.result = any(type);
        made.immediate = random_.pick(type.element == Element::u8 ? 0 : -9, 9);
        break;
      case Op::load:
      case Op::splat:
        made.result = any(type);
        made.buffer = inputs_.at(type.element);
        made.address = address();
        if (made.op == Op::splat) made.immediate = random_.coin() ? 1 : 4;
        break;
      case Op::store:
        made.operands = {any(type)};
        made.buffer = outputs_.at(type.element);
        made.address = address();
        break;
      case Op::prefetch:
      case Op::prefetch_l2:
        made.buffer = inputs_.at(type.element);
        made.address = address();
        made.immediate = 64 * random_.pick(0, 4);
        break;
      case Op::bit_and:
        made.result = any(u8);
        made.operands = {any(u8)};
        made.immediate = random_.pick(0, 255);
        break;
      case Op::shift_left:
      case Op::shift_right:
        made.result = any(random_.coin() ? u8 : i32);
        made.operands = {any(arrays[made.result.array].type)};
        made.immediate = random_.pick(0, 7);
        break;
      case Op::table:
        made.result = any(random_.coin() ? u8 : i8);
        made.immediate = random_.pick(0, 2);
        break;
      case Op::bit_select:
        made.result = any(u8);
        made.operands = {any(u8), any(u8)};
        made.immediate = random_.pick(0, 255);
        break;
      case Op::multiply_low:
      case Op::multiply_high:
        made.result = any(u8);
        made.operands = {any(u8)};
        made.immediate = random_.coin() ? 3 : random_.pick(1, 255);
        break;
      case Op::lookup:
        made.result = any(random_.coin() ? u8 : i8);
        made.operands = {any(arrays[made.result.array].type), any(u8)};
        break;
      case Op::bytes_to_i16:
        made.result = any(i16);
        made.operands = {any(u8), any(i8)};
        made.immediate = random_.pick(0, 1);
        break;
      case Op::interleave_low:
      case Op::interleave_high:
        made.result = any(random_.coin() ? u8 : i8);
        made.operands = {any(arrays[made.result.array].type), any(arrays[made.result.array].type)};
        made.immediate = 1 << random_.pick(0, 3);
        break;
      case Op::add_where:
      case Op::subtract_where:
        made.result = any(random_.coin() ? i8 : ir::VectorType{Element::i16, 16});
        made.operands = {random_.coin() ? made.result : any(arrays[made.result.array].type),
                         any(arrays[made.result.array].type), any({Element::u8, 2})};
        break;
      case Op::apply_sign:
        made.result = any(i8);
        made.operands = {any(i8), any(u8)};
        break;
      case Op::flip_sign:
        made.result = any(u8);
        made.operands = {any(i8)};
        break;
      case Op::low_byte:
      case Op::high_byte:
        made.result = any(made.op == Op::low_byte ? u8 : i8);
        made.operands = {any({random_.coin() ? Element::i16 : Element::i32, 16})};
        break;
      case Op::dot8:
        made.result = any(i32);
        made.operands = {random_.coin() ? made.result : any(i32), any(i8), any(i8)};
        break;
      case Op::tile_load_quads:
      case Op::tile_load:  // their registers are too large for many; the op test has them
      case Op::tile_store:
      case Op::tile_dot: return instruction();
      case Op::add:
      case Op::subtract:
        made.result = any(type);
        made.operands = {random_.coin() ? made.result : any(type), any(type)};
        break;
      case Op::multiply:
      case Op::divide:
        made.result = any({Element::f32, 16});
        made.operands = {any({Element::f32, 16}), any({Element::f32, 16})};
        break;
      case Op::absmax:
        made.result = any({Element::f32, 16});
        made.operands = {random_.coin() ? made.result : any({Element::f32, 16}), any({Element::f32, 16})};
        break;
      case Op::absmax_across:
        made.result = any({Element::f32, 16});
        made.operands = {any({Element::f32, 16})};
        break;
      case Op::add_across:
        made.result = any(random_.coin() ? i32 : ir::VectorType{Element::i32, 16});
        made.operands = {any(random_.coin() ? i32 : ir::VectorType{Element::i32, 16})};
        break;
      case Op::round_clamp:
        made.result = any(random_.coin() ? i8 : ir::VectorType{Element::i32, 16});
        made.operands = {any({Element::f32, 16})};
        made.immediate = random_.pick(1, 127);
        break;
      case Op::relu:
        made.result = any({Element::f32, 16});
        made.operands = {any({Element::f32, 16})};
        break;
      case Op::convert: {
        const Element from =
            random_.choose(std::vector{Element::u8, Element::i8, Element::i16, Element::i32});
        made.result = is_real || type.lanes != 16 ? any({Element::f32, 16}) : any(type);
        made.operands = {any({from, 16})};
        break;
      }
      case Op::dot4:
        made.result = any(i32);
        made.operands = {random_.coin() ? made.result : any(i32), any(random_.coin() ? u8 : i8), any(i8)};
        made.immediate = random_.pick(1, 255);
        break;
      case Op::dot2:
        made.result = any(i16);
        made.operands = {random_.coin() ? made.result : any(i16), any(u8), any(i8)};
        break;
      case Op::add_pairs:
        made.result = any(i32);
        made.operands = {random_.coin() ? made.result : any(i32), any(i16)};
        break;
    }
    return made;
  }

  Random& random_;
  const bool unrolled_;
  ir::Program program_;
  std::map<ir::Element, int> inputs_, outputs_;
  std::vector<int> scope_;
  int unroll_variable_ = -1;
};

// A program that verify accepts.
inline ir::Program random_program(Random& random, bool unrolled) {
  ProgramMaker maker(random, unrolled);
  for (;;) {
    ir::Program program = maker.make();
    if (verify(program).empty()) return program;
  }
}

// Contents of a program's buffers: the ends of each range that is promised, and values between.
inline std::vector<std::vector<std::byte>> random_buffers(const ir::Program& program, Random& random) {
  std::vector<std::vector<std::byte>> contents;
  for (const ir::Buffer& buffer : program.buffers) {
    const int bytes = size_in_bytes(buffer.element);
    std::vector<std::byte>& content = contents.emplace_back(buffer.size * bytes);
    if (buffer.kind != ir::BufferKind::input) continue;
    const int kind = static_cast<int>(random.pick(0, 3));
    for (int64_t i = 0; i < buffer.size; ++i) {
      int64_t value = random.pick(0, 0xffff);  // any bits, for f16 and bf16
      if (buffer.element == ir::Element::f32) {
        const float real = std::uniform_real_distribution<float>(-4, 4)(random.engine());
        std::memcpy(&content[i * bytes], &real, sizeof real);
        continue;
      }
      if (!is_float(buffer.element)) {
        const int64_t low = buffer.has_promise() ? buffer.lowest : lowest(buffer.element);
        const int64_t high = buffer.has_promise() ? buffer.highest : highest(buffer.element);
        value = kind == 0   ? low
                : kind == 1 ? high
                : kind == 2 ? (random.coin() ? low : high)
                            : random.pick(low, high);
      }
      std::memcpy(&content[i * bytes], &value, bytes);  // little-endian, as all our hosts are
    }
  }
  return contents;
}

}  // namespace tern::testing
