#include "autotune/search/cache_traffic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>

#include "ir/program/op.h"

namespace tern::autotune {
namespace {

constexpr double line = 64;  // bytes

double in_lines(double bytes) {
  return std::ceil(bytes / line) * line;
}

// What some instructions use of a buffer in one iteration of the loops around them.
struct Use {
  int buffer = 0;
  std::vector<ir::Affine::Term> terms;  // of those loops' variables; factors in bytes
  double begin = 0, end = 0;            // the bytes between which all of it lies
  double footprint = 0;                 // bytes in lines that are touched
  std::array<double, 2> traffic = {};   // by cache: bytes that are moved
};

double extent(const Use& use) {
  return in_lines(use.end - use.begin);
}

// The share of what was used an iteration ago that is still there, if an iteration uses so much: none if that
// is twice what the cache holds. (In a cache that always drops the oldest line, it would be none at once.)
double kept(double used, double size) {
  return std::clamp(2 - used / size, 0.0, 1.0);
}

class Walk {
 public:
  Walk(const ir::Program& program, const ir::Kernel& kernel, int threads, const CacheSizes& sizes)
      : program_(program), sizes_{sizes.first, sizes.second} {
    size_t i = 0;
    const std::vector<const ir::Loop*> parallel = parallel_loops(program);
    for (const ir::ScheduledLoop& loop : kernel.schedule.loops) {
      if (loop.kind != ir::LoopKind::parallel || i == parallel.size()) continue;
      const int variable = parallel[i++]->variable;
      if (loop.axis == ir::Axis::n) sharers_[variable] = threads;
    }
  }

  CacheTraffic run() const {
    const std::vector<Use> uses = of_body(program_.body);
    CacheTraffic traffic;
    for (const Use& use : uses) {
      traffic.first += use.traffic[0];
      traffic.second += std::max(0.0, use.traffic[1] - use.footprint);
    }
    return traffic;
  }

 private:
  // Of one iteration of whatever is around the body: one use for each buffer and way to address it.
  std::vector<Use> of_body(const ir::Body& body) const {
    std::vector<Use> uses = of_instructions(body);
    for (const ir::Statement& statement : body) {
      const ir::Loop* loop = std::get_if<ir::Loop>(&statement);
      if (!loop) continue;
      for (Use& use : of_loop(*loop)) uses.push_back(std::move(use));
    }
    return joined(std::move(uses));
  }

  std::vector<Use> of_instructions(const ir::Body& body) const {
    std::map<std::vector<int64_t>, std::vector<std::pair<int64_t, int64_t>>> ranges;  // by buffer and terms
    std::map<std::vector<int64_t>, Use> uses;
    for (const ir::Statement& statement : body) {
      const ir::Instruction* instruction = std::get_if<ir::Instruction>(&statement);
      if (!instruction || !info(instruction->op).has_address || instruction->op == ir::Op::prefetch) continue;
      const int64_t element = size_in_bytes(program_.buffers[instruction->buffer].element);
      std::vector<int64_t> key = {instruction->buffer};
      for (const ir::Affine::Term& term : instruction->address.terms)
        key.insert(key.end(), {term.variable, term.factor * element});
      Use& use = uses[key];
      if (use.terms.empty()) {
        use.buffer = instruction->buffer;
        for (const ir::Affine::Term& term : instruction->address.terms)
          use.terms.push_back({term.variable, term.factor * element});
      }
      // What is stored comes and goes.
      const bool is_store = instruction->op == ir::Op::store || instruction->op == ir::Op::tile_store;
      use.traffic[0] = std::max(use.traffic[0], is_store ? 2.0 : 1.0);  // times what it moves, for now
      for (int64_t i = 0; i < pieces(*instruction); ++i) {
        const int64_t begin =
            (instruction->address.constant + i * (pieces(*instruction) > 1 ? instruction->immediate : 0)) *
            element;
        ranges[key].emplace_back(begin, begin + bytes_of(*instruction));
      }
    }
    std::vector<Use> result;
    for (auto& [key, use] : uses) result.push_back(measured(std::move(use), std::move(ranges[key])));
    return result;
  }

  // Tiles are rows that lie apart.
  static int64_t pieces(const ir::Instruction& instruction) {
    return instruction.op == ir::Op::tile_load || instruction.op == ir::Op::tile_store ? 16 : 1;
  }

  int64_t bytes_of(const ir::Instruction& instruction) const {
    const int64_t element = size_in_bytes(program_.buffers[instruction.buffer].element);
    if (pieces(instruction) > 1) return line;
    if (instruction.op == ir::Op::splat) return instruction.immediate * element;
    const ir::RegisterUse& vector =
        info(instruction.op).has_result ? instruction.result : instruction.operands[0];
    return program_.registers[vector.array].type.bits() / 8;
  }

  // Puts in what is known once all ranges are.
  static Use measured(Use use, std::vector<std::pair<int64_t, int64_t>> ranges) {
    std::ranges::sort(ranges);
    use.begin = static_cast<double>(ranges.front().first);
    double last_line = -1e300;
    for (const auto& [begin, end] : ranges) {
      const double first = std::max(std::floor(static_cast<double>(begin) / line), last_line + 1);
      last_line = std::max(last_line, std::ceil(static_cast<double>(end) / line) - 1);
      use.footprint += std::max(0.0, last_line + 1 - first) * line;
      use.end = std::max(use.end, static_cast<double>(end));
    }
    use.traffic.fill(use.traffic[0] * use.footprint);
    return use;
  }

  std::vector<Use> of_loop(const ir::Loop& loop) const {
    std::vector<Use> uses = of_body(loop.body);
    const double used = footprint(uses);
    const auto shared = sharers_.find(loop.variable);
    const auto trips = static_cast<double>(
        shared == sharers_.end() ? loop.trips : ir::ceil_divide(loop.trips, shared->second));
    for (Use& use : uses) {
      int64_t step = 0;
      std::erase_if(use.terms, [&](const ir::Affine::Term& term) {
        if (term.variable == loop.variable) step = term.factor;
        return term.variable == loop.variable;
      });
      const double way = static_cast<double>(step) * (trips - 1), once = use.footprint;
      use.begin += std::min(way, 0.0);
      use.end += std::max(way, 0.0);
      if (step != 0) use.footprint = std::max(once, std::min(once * trips, extent(use)));
      for (size_t cache = 0; cache < sizes_.size(); ++cache) {
        const double still_there = kept(used, sizes_[cache]);
        use.traffic[cache] *= still_there * use.footprint / once + (1 - still_there) * trips;
      }
    }
    return uses;
  }

  // Those of one buffer that are addressed alike are one; of what one has left there, another makes use.
  std::vector<Use> joined(std::vector<Use> uses) const {
    const double used = footprint(uses);
    std::vector<Use> result;
    for (Use& use : uses) {
      const auto other = std::ranges::find_if(
          result, [&](const Use& one) { return one.buffer == use.buffer && one.terms == use.terms; });
      if (other == result.end()) {
        result.push_back(std::move(use));
        continue;
      }
      const double both = other->footprint + use.footprint;
      other->begin = std::min(other->begin, use.begin);
      other->end = std::max(other->end, use.end);
      other->footprint = std::min(both, extent(*other));
      for (size_t cache = 0; cache < sizes_.size(); ++cache) {
        const double still_there = kept(used, sizes_[cache]);
        other->traffic[cache] = (other->traffic[cache] + use.traffic[cache]) *
                                (still_there * other->footprint / both + (1 - still_there));
      }
    }
    return result;
  }

  double footprint(const std::vector<Use>& uses) const {
    std::map<int, double> by_buffer;
    for (const Use& use : uses) by_buffer[use.buffer] += use.footprint;
    double bytes = 0;
    for (const auto& [index, sum] : by_buffer) {
      const ir::Buffer& buffer = program_.buffers[static_cast<size_t>(index)];
      bytes += std::min(sum, in_lines(static_cast<double>(buffer.size * size_in_bytes(buffer.element))));
    }
    return bytes;
  }

  const ir::Program& program_;
  const std::array<double, 2> sizes_;
  std::map<int, int64_t> sharers_;  // threads that share a loop, by its variable
};

}  // namespace

CacheTraffic cache_traffic(const ir::Program& program, const ir::Kernel& kernel, int threads,
                           const CacheSizes& sizes) {
  return Walk(program, kernel, threads, sizes).run();
}

}  // namespace tern::autotune
