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

// The bytes of a buffer that instructions with equal address terms access in one iteration of the loops
// around them.
struct Access {
  int buffer = 0;
  std::vector<ir::Affine::Term> terms;  // of the address, by variables of these loops; factors in bytes
  double begin = 0, end = 0;            // the range of bytes that contains all of them, without the terms
  double footprint = 0;                 // the lines that they touch, in bytes
  std::array<double, 2> traffic = {};   // by cache: bytes that it takes in or gives back
};

double extent(const Access& access) {
  return in_lines(access.end - access.begin);
}

// The share of what was used an iteration ago that is still there, if an iteration accesses so much: none if
// that is twice what the cache holds. (In a cache that always drops the oldest line, it would be none at
// once.)
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
    const std::vector<Access> accesses = of_body(program_.body);
    CacheTraffic traffic;
    for (const Access& access : accesses) {
      traffic.first += access.traffic[0];
      traffic.second += std::max(0.0, access.traffic[1] - access.footprint);
    }
    return traffic;
  }

 private:
  // The accesses of one run of the body: one for each buffer and set of address terms.
  std::vector<Access> of_body(const ir::Body& body) const {
    std::vector<Access> accesses = of_instructions(body);
    for (const ir::Statement& statement : body) {
      const ir::Loop* loop = std::get_if<ir::Loop>(&statement);
      if (!loop) continue;
      for (Access& access : of_loop(*loop)) accesses.push_back(std::move(access));
    }
    return joined(std::move(accesses));
  }

  std::vector<Access> of_instructions(const ir::Body& body) const {
    std::map<std::vector<int64_t>, std::vector<std::pair<int64_t, int64_t>>> ranges;  // by buffer and terms
    std::map<std::vector<int64_t>, Access> accesses;
    for (const ir::Statement& statement : body) {
      const ir::Instruction* instruction = std::get_if<ir::Instruction>(&statement);
      if (!instruction || !info(instruction->op).has_address || is_prefetch(instruction->op)) continue;
      const int64_t element = size_in_bytes(program_.buffers[instruction->buffer].element);
      std::vector<int64_t> key = {instruction->buffer};
      for (const ir::Affine::Term& term : instruction->address.terms)
        key.insert(key.end(), {term.variable, term.factor * element});
      Access& access = accesses[key];
      if (access.terms.empty()) {
        access.buffer = instruction->buffer;
        for (const ir::Affine::Term& term : instruction->address.terms)
          access.terms.push_back({term.variable, term.factor * element});
      }
      // A stored line is read first and written back later: it moves twice. Multiplied with the footprint
      // below.
      const bool is_store = instruction->op == ir::Op::store || instruction->op == ir::Op::tile_store;
      access.traffic[0] = std::max(access.traffic[0], is_store ? 2.0 : 1.0);
      for (int64_t i = 0; i < pieces(*instruction); ++i) {
        const int64_t begin =
            (instruction->address.constant + i * (pieces(*instruction) > 1 ? instruction->immediate : 0)) *
            element;
        ranges[key].emplace_back(begin, begin + bytes_of(*instruction));
      }
    }
    std::vector<Access> result;
    for (auto& [key, access] : accesses)
      result.push_back(measured(std::move(access), std::move(ranges[key])));
    return result;
  }

  // A tile instruction accesses 16 rows that lie apart, all others one piece.
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

  // The access with its extent, footprint and traffic, from the byte ranges of its instructions.
  static Access measured(Access access, std::vector<std::pair<int64_t, int64_t>> ranges) {
    std::ranges::sort(ranges);
    access.begin = static_cast<double>(ranges.front().first);
    double last_line = -1e300;
    for (const auto& [begin, end] : ranges) {
      const double first = std::max(std::floor(static_cast<double>(begin) / line), last_line + 1);
      last_line = std::max(last_line, std::ceil(static_cast<double>(end) / line) - 1);
      access.footprint += std::max(0.0, last_line + 1 - first) * line;
      access.end = std::max(access.end, static_cast<double>(end));
    }
    access.traffic.fill(access.traffic[0] * access.footprint);
    return access;
  }

  // The accesses of all trips of a loop (the trips of one thread, if threads share it). An access that moves
  // by `step` bytes a trip touches min(trips * footprint, extent) bytes; its traffic is that of the lines
  // which are new in each trip, plus, for the share that the cache does not keep from trip to trip, that of
  // all lines.
  std::vector<Access> of_loop(const ir::Loop& loop) const {
    std::vector<Access> accesses = of_body(loop.body);
    const double used = footprint(accesses);
    const auto shared = sharers_.find(loop.variable);
    const auto trips = static_cast<double>(
        shared == sharers_.end() ? loop.trips : ir::ceil_divide(loop.trips, shared->second));
    for (Access& access : accesses) {
      int64_t step = 0;
      std::erase_if(access.terms, [&](const ir::Affine::Term& term) {
        if (term.variable == loop.variable) step = term.factor;
        return term.variable == loop.variable;
      });
      const double way = static_cast<double>(step) * (trips - 1), once = access.footprint;
      access.begin += std::min(way, 0.0);
      access.end += std::max(way, 0.0);
      if (step != 0) access.footprint = std::max(once, std::min(once * trips, extent(access)));
      for (size_t cache = 0; cache < sizes_.size(); ++cache) {
        const double still_there = kept(used, sizes_[cache]);
        access.traffic[cache] *= still_there * access.footprint / once + (1 - still_there) * trips;
      }
    }
    return accesses;
  }

  // Merges accesses to one buffer with equal terms: a line that one of them has brought into a cache, the
  // other does not move again, as far as the cache keeps it.
  std::vector<Access> joined(std::vector<Access> accesses) const {
    const double used = footprint(accesses);
    std::vector<Access> result;
    for (Access& access : accesses) {
      const auto other = std::ranges::find_if(result, [&](const Access& one) {
        return one.buffer == access.buffer && one.terms == access.terms;
      });
      if (other == result.end()) {
        result.push_back(std::move(access));
        continue;
      }
      const double both = other->footprint + access.footprint;
      other->begin = std::min(other->begin, access.begin);
      other->end = std::max(other->end, access.end);
      other->footprint = std::min(both, extent(*other));
      for (size_t cache = 0; cache < sizes_.size(); ++cache) {
        const double still_there = kept(used, sizes_[cache]);
        other->traffic[cache] = (other->traffic[cache] + access.traffic[cache]) *
                                (still_there * other->footprint / both + (1 - still_there));
      }
    }
    return result;
  }

  double footprint(const std::vector<Access>& accesses) const {
    std::map<int, double> by_buffer;
    for (const Access& access : accesses) by_buffer[access.buffer] += access.footprint;
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
