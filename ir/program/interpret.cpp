#include "ir/program/interpret.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "ir/half.h"

namespace tern::ir {
namespace {

template <class T>
T read(const std::byte* place) {
  T value;
  std::memcpy(&value, place, sizeof value);
  return value;
}

template <class T>
void write(std::byte* place, T value) {
  std::memcpy(place, &value, sizeof value);
}

int64_t read_integer(Element element, const std::byte* place) {
  switch (element) {
    case Element::i8: return read<int8_t>(place);
    case Element::u8: return read<uint8_t>(place);
    case Element::i16: return read<int16_t>(place);
    case Element::i32: return read<int32_t>(place);
    case Element::trit:
    case Element::sign:
    case Element::i2:
    case Element::i4:
    case Element::f16:
    case Element::bf16:
    case Element::f32: break;
  }
  assert(false && "not an integer");
  return 0;
}

// Stops if a value is outside what Verify proved. In release builds too: this is where proofs are tested.
void require_within(int64_t value, int64_t low, int64_t high, std::string_view what) {
  if (value >= low && value <= high) return;
  fmt::print(stderr, "interpreter: {} does not fit {}, which Verify should have refused\n", value, what);
  std::abort();
}

void write_integer(Element element, std::byte* place, int64_t value) {
  require_within(value, lowest(element), highest(element), name(element));
  switch (element) {
    case Element::i8: return write(place, static_cast<int8_t>(value));
    case Element::u8: return write(place, static_cast<uint8_t>(value));
    case Element::i16: return write(place, static_cast<int16_t>(value));
    case Element::i32: return write(place, static_cast<int32_t>(value));
    case Element::trit:
    case Element::sign:
    case Element::i2:
    case Element::i4:
    case Element::f16:
    case Element::bf16:
    case Element::f32: break;
  }
  assert(false && "not an integer");
}

float read_float(Element element, const std::byte* place) {
  switch (element) {
    case Element::f16: return f16_to_f32(read<uint16_t>(place));
    case Element::bf16: return bf16_to_f32(read<uint16_t>(place));
    case Element::f32: return read<float>(place);
    case Element::i8:
    case Element::u8:
    case Element::i16:
    case Element::i32: return static_cast<float>(read_integer(element, place));
    case Element::trit:
    case Element::sign:
    case Element::i2:
    case Element::i4: break;
  }
  assert(false && "trits have no storage");
  return 0;
}

class Interpreter {
 public:
  Interpreter(const Program& program, std::span<std::byte* const> buffers, std::span<const Range> ranges)
      : program_(program),
        buffers_(buffers.begin(), buffers.end()),
        ranges_(ranges),
        variables_(program.variables.size()) {
    size_t size = 0;
    for (const RegisterArray& array : program.registers) {
      offsets_.push_back(size);
      size += array.count * register_size(array.type);
    }
    storage_.resize(size);
    for (const Buffer& buffer : program.buffers) {
      if (buffer.kind != BufferKind::scratch) continue;
      scratch_.emplace_back(buffer.size * size_in_bytes(buffer.element));
      buffers_.push_back(scratch_.back().data());
    }
  }

  void run() { run(program_.body); }

 private:
  // A view of one register.
  struct Value {
    VectorType type;
    std::byte* bytes;
    std::byte* lane(int i) const { return bytes + i * size_in_bytes(type.element); }
    int64_t integer(int i) const { return read_integer(type.element, lane(i)); }
    float real(int i) const { return read_float(type.element, lane(i)); }
  };

  static size_t register_size(VectorType type) { return size_in_bytes(type.element) * type.lanes; }

  int64_t evaluate(const Affine& affine) const {
    int64_t sum = affine.constant;
    for (const Affine::Term& term : affine.terms) sum += term.factor * variables_[term.variable];
    return sum;
  }

  Value value(const RegisterUse& use) {
    const VectorType type = program_.registers[use.array].type;
    return {type, storage_.data() + offsets_[use.array] + evaluate(use.index) * register_size(type)};
  }

  std::byte* address(const Instruction& instruction) const {
    const Buffer& buffer = program_.buffers[instruction.buffer];
    return buffers_[instruction.buffer] + evaluate(instruction.address) * size_in_bytes(buffer.element);
  }

  void run(const Body& body) {
    for (const Statement& statement : body) {
      if (const Instruction* instruction = std::get_if<Instruction>(&statement))
        execute(*instruction);
      else
        run(std::get<Loop>(statement));
    }
  }

  void run(const Loop& loop) {
    Range range{0, loop.trips};
    if (loop.kind == LoopKind::parallel) {
      const std::vector<const Loop*> loops = parallel_loops(program_);
      for (size_t i = 0; i < loops.size(); ++i) {
        if (loops[i] == &loop) range = ranges_[i];
      }
    }
    for (int64_t i = range.begin; i < range.end; ++i) {
      variables_[loop.variable] = i;
      run(loop.body);
    }
  }

  template <class OnIntegers, class OnFloats>
  void elementwise(const Value& result, const Value& x, const Value& y, OnIntegers on_integers,
                   OnFloats on_floats) {
    for (int i = 0; i < result.type.lanes; ++i) {
      if (result.type.element == Element::f32)
        write(result.lane(i), on_floats(x.real(i), y.real(i)));
      else
        write_integer(result.type.element, result.lane(i), on_integers(x.integer(i), y.integer(i)));
    }
  }

  void dot4(const Value& result, const Value& x, const Value& y, const Value& z, int64_t bound) {
    for (int i = 0; i < result.type.lanes; ++i) {
      int64_t sum = x.integer(i);
      for (int j = 4 * i; j < 4 * (i + 1); ++j) {
        require_within(y.integer(j), -bound, bound, "the bound of dot4");
        sum += y.integer(j) * z.integer(j);
      }
      write_integer(result.type.element, result.lane(i), sum);
    }
  }

  void dot2(const Value& result, const Value& x, const Value& y, const Value& z) {
    for (int i = 0; i < result.type.lanes; ++i) {
      const int64_t pair = y.integer(2 * i) * z.integer(2 * i) + y.integer(2 * i + 1) * z.integer(2 * i + 1);
      require_within(pair, lowest(Element::i16), highest(Element::i16), "the pair of products of dot2");
      write_integer(result.type.element, result.lane(i), x.integer(i) + pair);
    }
  }

  void dot8(const Value& result, const Value& x, const Value& y, const Value& z) {
    for (int i = 0; i < result.type.lanes; ++i) {
      const int block = i / 4 * 16, y_row = block + i % 4 / 2 * 8, z_row = block + i % 2 * 8;
      int64_t sum = x.integer(i);
      for (int j = 0; j < 8; ++j) sum += y.integer(y_row + j) * z.integer(z_row + j);
      write_integer(result.type.element, result.lane(i), sum);
    }
  }

  // Bytes of x and y in turns of `unit`, from the low or the high halves of each block of 16.
  void interleave(const Value& result, const Value& x, const Value& y, int64_t unit, bool high) {
    for (int byte = 0; byte < result.type.bits() / 8; ++byte) {
      const int64_t within = byte % 16, pair = within / (2 * unit), turn = within / unit % 2;
      const int64_t from = byte / 16 * 16 + (high ? 8 : 0) + pair * unit + within % unit;
      interleaved_[byte] = (turn == 0 ? x : y).bytes[from];
    }
    std::memcpy(result.bytes, interleaved_.data(), register_size(result.type));
  }

  void tile_dot(const Value& result, const Value& x, const Value& y, const Value& z) {
    for (int i = 0; i < result.type.lanes; ++i) {
      const int tile_row = i / 16, column = i % 16;
      int64_t sum = x.integer(i);
      const int inputs = y.type.lanes / 16;
      for (int k = 0; k < inputs; ++k)
        sum += y.integer(inputs * tile_row + k) * z.integer(64 * (k / 4) + 4 * column + k % 4);
      write_integer(result.type.element, result.lane(i), sum);
    }
  }

  // The larger magnitude. As integers, the bits of magnitudes are in their order: infinity, then NaN, on top.
  static float absmax(float x, float y) {
    const uint32_t x_bits = std::bit_cast<uint32_t>(std::abs(x)),
                   y_bits = std::bit_cast<uint32_t>(std::abs(y));
    return std::bit_cast<float>(std::max(x_bits, y_bits));
  }

  static int64_t round_clamp(float x, int64_t bound) {
    if (std::isnan(x)) return 0;
    const auto limit = static_cast<float>(bound);
    return static_cast<int64_t>(std::nearbyint(std::clamp(x, -limit, limit)));
  }

  template <class Value_of>
  void each_lane(const Value& result, Value_of value_of) {
    for (int i = 0; i < result.type.lanes; ++i)
      write_integer(result.type.element, result.lane(i), value_of(i));
  }

  void execute(const Instruction& instruction) {
    const OpInfo& op = info(instruction.op);
    const Value result = op.has_result ? value(instruction.result) : Value{};
    Value operands[3] = {};
    for (int i = 0; i < op.operands; ++i) operands[i] = value(instruction.operands[i]);
    const auto& [x, y, z] = operands;
    const int64_t immediate = instruction.immediate;
    const int lanes = result.type.lanes;
    switch (instruction.op) {
      case Op::constant:
        for (int i = 0; i < lanes; ++i) {
          if (result.type.element == Element::f32)
            write(result.lane(i), static_cast<float>(immediate));
          else
            write_integer(result.type.element, result.lane(i), immediate);
        }
        return;
      case Op::table: {
        const std::vector<int64_t>& values = program_.tables[immediate].values;
        return each_lane(result, [&](int i) { return values[i % values.size()]; });
      }
      case Op::load: std::memcpy(result.bytes, address(instruction), register_size(result.type)); return;
      case Op::splat: {
        const size_t size = size_in_bytes(result.type.element);
        for (int i = 0; i < lanes; ++i)
          std::memcpy(result.lane(i), address(instruction) + i % immediate * size, size);
        return;
      }
      case Op::store: std::memcpy(address(instruction), x.bytes, register_size(x.type)); return;
      case Op::prefetch:
      case Op::prefetch_l2: return;
      case Op::bit_and: return each_lane(result, [&](int i) { return x.integer(i) & immediate; });
      case Op::bit_select:
        return each_lane(result,
                         [&](int i) { return (x.integer(i) & immediate) | (y.integer(i) & ~immediate); });
      case Op::shift_left:
        return each_lane(result, [&](int i) {
          const int64_t shifted = x.integer(i) * (int64_t{1} << immediate);
          return result.type.element == Element::u8 ? shifted & 255 : shifted;
        });
      case Op::shift_right: return each_lane(result, [&](int i) { return x.integer(i) >> immediate; });
      case Op::multiply_low: return each_lane(result, [&](int i) { return x.integer(i) * immediate & 255; });
      case Op::multiply_high: return each_lane(result, [&](int i) { return x.integer(i) * immediate >> 8; });
      case Op::lookup:
        return each_lane(result,
                         [&](int i) { return x.integer(static_cast<int>(y.integer(i) % x.type.lanes)); });
      case Op::bytes_to_i16:
        return each_lane(result, [&](int i) {
          const int from = i / 8 * 16 + static_cast<int>(immediate) * 8 + i % 8;
          return x.integer(from) + 256 * y.integer(from);
        });
      case Op::interleave_low: return interleave(result, x, y, immediate, false);
      case Op::interleave_high: return interleave(result, x, y, immediate, true);
      case Op::add:
        return elementwise(
            result, x, y, [](int64_t a, int64_t b) { return a + b; }, [](float a, float b) { return a + b; });
      case Op::subtract:
        return elementwise(
            result, x, y, [](int64_t a, int64_t b) { return a - b; }, [](float a, float b) { return a - b; });
      case Op::add_where:
      case Op::subtract_where:
        return each_lane(result, [&](int i) {
          const int64_t amount = z.integer(i / 8) >> i % 8 & 1 ? y.integer(i) : 0;
          return instruction.op == Op::add_where ? x.integer(i) + amount : x.integer(i) - amount;
        });
      case Op::apply_sign:
        return each_lane(result, [&](int i) { return y.integer(i) < 128 ? x.integer(i) : -x.integer(i); });
      case Op::multiply:
        for (int i = 0; i < lanes; ++i) write(result.lane(i), x.real(i) * y.real(i));
        return;
      case Op::divide:
        for (int i = 0; i < lanes; ++i) write(result.lane(i), x.real(i) / y.real(i));
        return;
      case Op::relu:
        for (int i = 0; i < lanes; ++i) write(result.lane(i), x.real(i) < 0 ? 0.0f : x.real(i));
        return;
      case Op::absmax:
        for (int i = 0; i < lanes; ++i) write(result.lane(i), absmax(x.real(i), y.real(i)));
        return;
      case Op::absmax_across: {
        float largest = 0;
        for (int i = 0; i < x.type.lanes; ++i) largest = absmax(largest, x.real(i));
        for (int i = 0; i < lanes; ++i) write(result.lane(i), largest);
        return;
      }
      case Op::add_across: {
        int64_t sum = 0;
        for (int i = 0; i < x.type.lanes; ++i) sum += x.integer(i);
        return each_lane(result, [&](int) { return sum; });
      }
      case Op::round_clamp:
        return each_lane(result, [&](int i) { return round_clamp(x.real(i), immediate); });
      case Op::convert:
        for (int i = 0; i < lanes; ++i) {
          if (result.type.element == Element::f32)
            write(result.lane(i), x.real(i));
          else
            write_integer(result.type.element, result.lane(i), x.integer(i));
        }
        return;
      case Op::flip_sign: return each_lane(result, [&](int i) { return x.integer(i) + 128; });
      case Op::low_byte: return each_lane(result, [&](int i) { return x.integer(i) & 255; });
      case Op::high_byte: return each_lane(result, [&](int i) { return x.integer(i) >> 8; });
      case Op::dot4: return dot4(result, x, y, z, immediate);
      case Op::dot2: return dot2(result, x, y, z);
      case Op::dot8: return dot8(result, x, y, z);
      case Op::tile_load:
        for (int i = 0; i < 16; ++i)
          std::memcpy(result.lane(lanes / 16 * i), address(instruction) + i * immediate,
                      static_cast<size_t>(lanes / 16));
        return;
      case Op::tile_load_quads:
        for (int i = 0; i < lanes / 64; ++i)
          std::memcpy(result.lane(64 * i), address(instruction) + i * immediate, 64);
        return;
      case Op::tile_store:
        for (int i = 0; i < 16; ++i)
          std::memcpy(address(instruction) + i * immediate * 4, x.lane(16 * i), 64);
        return;
      case Op::tile_dot: return tile_dot(result, x, y, z);
      case Op::add_pairs:
        for (int i = 0; i < lanes; ++i)
          write_integer(result.type.element, result.lane(i),
                        x.integer(i) + y.integer(2 * i) + y.integer(2 * i + 1));
        return;
    }
  }

  const Program& program_;
  std::vector<std::byte*> buffers_;
  std::vector<std::vector<std::byte>> scratch_;
  std::span<const Range> ranges_;
  std::vector<int64_t> variables_;
  std::vector<size_t> offsets_;
  std::vector<std::byte> storage_;
  std::array<std::byte, 1024> interleaved_ = {};  // a register may be its own operand
};

}  // namespace

std::vector<Range> full_ranges(const Program& program) {
  std::vector<Range> ranges;
  for (const Loop* loop : parallel_loops(program)) ranges.push_back({0, loop->trips});
  return ranges;
}

void interpret(const Program& program, std::span<std::byte* const> buffers, std::span<const Range> ranges) {
  assert(buffers.size() == parameters(program).size());
  assert(ranges.size() == parallel_loops(program).size());
  Interpreter(program, buffers, ranges).run();
}

}  // namespace tern::ir
