#include "ir/program/verify_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace tern::ir {
namespace {

struct Interval {
  int64_t low = 0;
  int64_t high = 0;
  bool operator==(const Interval&) const = default;
};

bool within(Interval a, Interval b) {
  return a.low >= b.low && a.high <= b.high;
}
Interval hull(Interval a, Interval b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}
Interval plus(Interval a, Interval b) {
  return {a.low + b.low, a.high + b.high};
}
Interval minus(Interval a, Interval b) {
  return {a.low - b.high, a.high - b.low};
}
Interval times(Interval a, Interval b) {
  const auto [low, high] = std::minmax({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high});
  return {low, high};
}
Interval times(Interval a, int64_t factor) {
  return times(a, Interval{factor, factor});
}
// times(a, factor), but no further than `limit` from 0; for a factor of 0 or more.
constexpr int64_t limit = int64_t{1} << 40;
Interval times_saturated(Interval a, int64_t factor) {
  const auto saturated = [factor](int64_t value) {
    int64_t product = 0;
    if (__builtin_mul_overflow(value, factor, &product)) return value < 0 ? -limit : limit;
    return std::clamp(product, -limit, limit);
  };
  return {saturated(a.low), saturated(a.high)};
}
Interval of(Element element) {
  return {lowest(element), highest(element)};
}

// What a load from the buffer can give.
Interval promised(const Buffer& buffer) {
  return buffer.has_promise() ? Interval{buffer.lowest, buffer.highest} : of(buffer.element);
}

// What is known of every register; nothing for one that may not have been written. Floats are {0, 0}.
using State = std::vector<std::optional<Interval>>;

class RangeVerifier {
 public:
  explicit RangeVerifier(const Program& program) : program_(program) {
    int64_t registers = 0;
    for (const RegisterArray& array : program.registers) {
      first_.push_back(registers);
      registers += array.count;
    }
    state_.resize(registers);
  }

  std::vector<Error> run() {
    line_ =
        1 + static_cast<int>(program_.buffers.size() + program_.tables.size() + program_.registers.size());
    run(program_.body, 1);
    return std::move(found_);
  }

 private:
  size_t slot(const RegisterUse& use) const { return first_[use.array] + use.index.constant; }
  const std::string& name_of(size_t slot) const {
    const auto after = std::upper_bound(first_.begin(), first_.end(), static_cast<int64_t>(slot));
    return program_.registers[after - first_.begin() - 1].name;
  }
  Element element(const RegisterUse& use) const { return program_.registers[use.array].type.element; }

  void report(std::string message, int line, int column) {
    if (quiet_ == 0) found_.push_back({std::move(message), {"", line, column}});
  }
  void report(std::string message, int column) { report(std::move(message), line_, column); }

  std::optional<Interval> result_of(const Instruction& instruction, int column) {
    Interval operands[3];
    for (size_t i = 0; i < instruction.operands.size(); ++i) {
      const RegisterUse& use = instruction.operands[i];
      const std::optional<Interval>& known = state_[slot(use)];
      if (!known) {
        report(fmt::format("`{}` reads {} before it is written", print(program_, instruction),
                           program_.registers[use.array].name),
               column);
        return std::nullopt;
      }
      operands[i] = *known;
    }
    const auto& [x, y, z] = operands;
    const int64_t immediate = instruction.immediate;
    if (info(instruction.op).has_result && element(instruction.result) == Element::f32) return Interval{};
    switch (instruction.op) {
      case Op::constant: return Interval{immediate, immediate};
      case Op::load:
      case Op::splat: return promised(program_.buffers[instruction.buffer]);
      case Op::table: {
        const auto [low, high] = std::minmax_element(program_.tables[immediate].values.begin(),
                                                     program_.tables[immediate].values.end());
        return Interval{*low, *high};
      }
      case Op::tile_load:
      case Op::tile_load_quads: return promised(program_.buffers[instruction.buffer]);
      case Op::bit_and: return Interval{0, std::min(x.high, immediate)};
      case Op::bit_select:
        return Interval{0, std::min(x.high, immediate) + std::min(y.high, 255 - immediate)};
      case Op::shift_left: {
        const Interval shifted = times(x, int64_t{1} << immediate);
        const bool wraps = element(instruction.result) == Element::u8 && shifted.high > 255;
        return wraps ? of(Element::u8) : shifted;
      }
      case Op::multiply_low: {
        const Interval product = times(x, immediate);
        return product.high > 255 ? of(Element::u8) : product;
      }
      case Op::multiply_high: return Interval{x.low * immediate >> 8, x.high * immediate >> 8};
      case Op::lookup: return x;
      case Op::bytes_to_i16: return plus(x, times(y, 256));
      case Op::interleave_low:
      case Op::interleave_high: return hull(x, y);
      case Op::add_where: return plus(x, hull(y, {0, 0}));
      case Op::subtract_where: return minus(x, hull(y, {0, 0}));
      case Op::apply_sign: return hull(y.low < 128 ? x : times(x, -1), y.high < 128 ? x : times(x, -1));
      case Op::flip_sign: return Interval{x.low + 128, x.high + 128};
      case Op::low_byte: return x.low >= 0 && x.high <= 255 ? x : of(Element::u8);
      case Op::high_byte: return Interval{x.low >> 8, x.high >> 8};
      case Op::shift_right: return Interval{x.low >> immediate, x.high >> immediate};
      case Op::add: return plus(x, y);
      case Op::subtract: return minus(x, y);
      case Op::add_across: return times(x, program_.registers[instruction.operands[0].array].type.lanes);
      case Op::round_clamp: return Interval{-immediate, immediate};
      case Op::convert: return x;
      case Op::dot4:
        if (!within(y, {-immediate, immediate}))
          report(fmt::format("`{}`: the second operand reaches {}..{}, past what the operation promises",
                             print(program_, instruction), y.low, y.high),
                 column);
        return plus(x, times(times(y, z), 4));
      case Op::dot2: {
        // Instructions for this op form the pair of products first, in 16 bits.
        const Interval pair = times(times(y, z), 2);
        const Interval sum = plus(x, pair);
        return within(pair, of(Element::i16)) ? sum : hull(sum, pair);
      }
      case Op::add_pairs: return plus(x, times(y, 2));
      case Op::dot8: return plus(x, times(times(y, z), 8));
      case Op::tile_dot: {
        const int64_t inputs = program_.registers[instruction.operands[1].array].type.lanes / 16;
        return plus(x, times(times(y, z), inputs));
      }
      case Op::multiply:
      case Op::divide:
      case Op::relu:
      case Op::absmax:
      case Op::absmax_across:
      case Op::store:
      case Op::tile_store: {
        const Buffer& buffer = program_.buffers[instruction.buffer];
        if (!is_float(buffer.element) && !within(x, promised(buffer)))
          report(fmt::format("`{}` stores {}..{} where {}..{} is promised", print(program_, instruction),
                             x.low, x.high, promised(buffer).low, promised(buffer).high),
                 column);
        return Interval{};
      }
      case Op::prefetch:
      case Op::prefetch_l2: return Interval{};
    }
    return Interval{};
  }

  void run(const Instruction& instruction, int column) {
    const std::optional<Interval> result = result_of(instruction, column);
    if (!info(instruction.op).has_result) return;
    const Element type = element(instruction.result);
    const bool is_integer = !is_float(type);
    if (result && is_integer && !within(*result, of(type))) {
      report(fmt::format("`{}` may overflow {}: its values reach {}..{}", print(program_, instruction),
                         name(type), result->low, result->high),
             column);
    }
    // Carry on from the type's range so that one overflow is reported once.
    state_[slot(instruction.result)] = result && is_integer && !within(*result, of(type)) ? of(type) : result;
  }

  void run(const Body& body, int depth) {
    for (const Statement& statement : body) {
      ++line_;
      if (const Instruction* instruction = std::get_if<Instruction>(&statement)) {
        run(*instruction, 2 * depth + 1);
      } else {
        run(std::get<Loop>(statement), depth);
        ++line_;
      }
    }
  }

  // Runs a loop's body once from the present state, without reports, and puts the line back.
  State try_body(const Loop& loop, int depth) {
    const State before = state_;
    const int line = line_;
    ++quiet_;
    run(loop.body, depth + 1);
    --quiet_;
    line_ = line;
    State after = std::move(state_);
    state_ = before;
    return after;
  }

  // True if every write to the register in `body` has the form r = op r, ... and nothing else reads it: then
  // an iteration adds an amount that does not depend on the register.
  bool only_accumulates(const Body& body, size_t wanted) const {
    for (const Statement& statement : body) {
      if (const Loop* loop = std::get_if<Loop>(&statement)) {
        if (!only_accumulates(loop->body, wanted)) return false;
        continue;
      }
      const Instruction& instruction = std::get<Instruction>(statement);
      const bool writes = info(instruction.op).has_result && slot(instruction.result) == wanted;
      for (size_t i = 0; i < instruction.operands.size(); ++i) {
        if ((slot(instruction.operands[i]) == wanted) != (writes && i == 0)) return false;
      }
      const bool adds = instruction.op == Op::add || instruction.op == Op::subtract ||
                        instruction.op == Op::dot4 || instruction.op == Op::dot2 ||
                        instruction.op == Op::add_pairs || instruction.op == Op::add_where ||
                        instruction.op == Op::subtract_where || instruction.op == Op::dot8 ||
                        instruction.op == Op::tile_dot;
      if (writes && !adds) return false;
    }
    return true;
  }

  void run(const Loop& loop, int depth) {
    if (quiet_ == 0) return run_anew(loop, depth);
    // A loop inside others is tried many times, mostly from the same state.
    if (const auto known = tried_.find(&loop); known != tried_.end() && known->second.start == state_) {
      state_ = known->second.end;
      return;
    }
    State start = state_;
    run_anew(loop, depth);
    tried_[&loop] = {std::move(start), state_};
  }

  void run_anew(const Loop& loop, int depth) {
    const int line = line_;
    const State start = state_;
    const State first = try_body(loop, depth);

    // What holds at the start of every iteration: registers that settle after one iteration ...
    for (size_t i = 0; i < state_.size(); ++i) {
      if (start[i] && first[i]) state_[i] = hull(*start[i], *first[i]);
    }
    const State settled = state_;
    const State second = try_body(loop, depth);

    // ... and accumulators, which gain at most as much in every iteration as in the first.
    std::vector<size_t> accumulators;
    for (size_t i = 0; i < state_.size(); ++i) {
      if (!start[i] || !first[i] || !second[i] || within(*second[i], *settled[i])) continue;
      accumulators.push_back(i);
      const Interval gain{std::min<int64_t>(0, first[i]->low - start[i]->low),
                          std::max<int64_t>(0, first[i]->high - start[i]->high)};
      // An absurd reach is an overflow anyway; keep the arithmetic of intervals far from that of int64.
      state_[i] = plus(*start[i], times_saturated(gain, loop.trips - 1));
    }
    const State entry = state_;
    const size_t found_before = found_.size();
    run(loop.body, depth + 1);
    const bool overflows = found_.size() != found_before;
    for (size_t i : accumulators) {
      if (!state_[i] || overflows) continue;  // an overflow says enough
      const Interval gain{first[i]->low - start[i]->low, first[i]->high - start[i]->high};
      const Interval bound = hull(plus(*entry[i], gain), *entry[i]);
      const bool clamped = within(*state_[i], bound);
      if (!only_accumulates(loop.body, i) || !clamped)
        report(fmt::format("{} grows in this loop in a way that cannot be bounded", name_of(i)), line,
               2 * depth + 1);
    }
    // A parallel loop may run no iteration at all.
    if (loop.kind == LoopKind::parallel) {
      for (size_t i = 0; i < state_.size(); ++i)
        state_[i] = state_[i] && start[i] ? std::optional(hull(*state_[i], *start[i])) : std::nullopt;
    }
  }

  const Program& program_;
  std::vector<int64_t> first_;  // slot of each array's first register
  State state_;
  struct Tried {
    State start, end;
  };
  std::map<const Loop*, Tried> tried_;  // the last time that nothing was reported
  int quiet_ = 0;
  int line_ = 1;
  std::vector<Error> found_;
};

}  // namespace

std::vector<Error> verify_ranges(const Program& program) {
  return RangeVerifier(program).run();
}

}  // namespace tern::ir
