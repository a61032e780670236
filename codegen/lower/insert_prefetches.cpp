// Asks for weights and their scales ahead of their use: hardware prefetchers alone leave much of the memory
// bandwidth unused when every stream of loads is a packed, unit-stride walk with long work between loads.
//
// Each line is asked for twice: far ahead into the second level of cache, and at an eighth of that distance
// into the first. A core has few line fill buffers for its first level (16 on Golden Cove): 16 lines of 64
// bytes in 100 ns are 10 GB/s, so that memory's latency must pass in front of the second level. Loads that
// find their line there only are late by its latency, and whether a loop catches up hangs on the addresses of
// its code.
//
// The prefetches of a loop's body are spread evenly over its instructions, because a burst of them takes all
// fill buffers: the loads behind it wait for one, and memory is idle while the arithmetic that follows runs.
//
// Billions of weights a second, measured on a core of Sapphire Rapids that reads 19 GB/s: one row, weights in
// memory, 4096 bytes ahead.
//                                      g3b5    b2, a scale for each 64    b2, for each 128    f16
//   spread, into the first level         68                         42                  57    7.8
//   spread, into both levels             77                         57                  60    9.5
#include <algorithm>

#include "codegen/lower/lower.h"

namespace tern::codegen {
namespace {

constexpr int64_t cache_line_bytes = 64;

// How far ahead of their use the lines of a buffer are asked for, in bytes.
struct Distance {
  int64_t second_level = 0;  // 0: never
  int64_t first_level = 0;
};

// Of each buffer, by its number. Streams that advance together are asked for at the same time before their
// use: distances are as the sizes of the buffers.
std::vector<Distance> distances(const ir::Program& program, int64_t weights_ahead) {
  const auto bytes = [](const ir::Buffer& buffer) { return buffer.size * size_in_bytes(buffer.element); };
  int64_t weight_bytes = 0;
  for (const ir::Buffer& buffer : program.buffers) {
    if (buffer.role == ir::BufferRole::weights) weight_bytes += bytes(buffer);
  }
  const auto whole_lines = [](double ahead) {
    return std::max<int64_t>(static_cast<int64_t>(ahead) / cache_line_bytes, 1) * cache_line_bytes;
  };
  std::vector<Distance> result(program.buffers.size());
  for (size_t i = 0; i < result.size(); ++i) {
    const ir::Buffer& buffer = program.buffers[i];
    if (buffer.role != ir::BufferRole::weights && buffer.role != ir::BufferRole::group_scales) continue;
    const double share = buffer.role == ir::BufferRole::weights
                             ? 1
                             : static_cast<double>(bytes(buffer)) / static_cast<double>(weight_bytes);
    const double ahead = share * static_cast<double>(weights_ahead);
    result[i] = {whole_lines(ahead), whole_lines(ahead / 8)};
  }
  return result;
}

// Only the first load in each cache line asks, as far as constants tell.
bool starts_a_line(const ir::Program& program, const ir::Instruction& load) {
  const int64_t bytes = size_in_bytes(program.buffers[load.buffer].element);
  return load.address.constant * bytes % cache_line_bytes == 0;
}

void insert(const ir::Program& program, ir::Body& body, const std::vector<Distance>& ahead) {
  std::vector<const ir::Instruction*> asking;
  size_t instructions = 0;
  for (ir::Statement& statement : body) {
    if (ir::Loop* loop = std::get_if<ir::Loop>(&statement)) {
      insert(program, loop->body, ahead);
      continue;
    }
    ++instructions;
    const ir::Instruction& load = std::get<ir::Instruction>(statement);
    if (load.op == ir::Op::load && ahead[load.buffer].first_level > 0 && starts_a_line(program, load))
      asking.push_back(&load);
  }
  ir::Body result;
  const auto ask_for = [&](const ir::Instruction& load) {
    const auto [second_level, first_level] = ahead[load.buffer];
    if (second_level > first_level)
      result.push_back(ir::Instruction{ir::Op::prefetch_l2, {}, {}, load.buffer, load.address, second_level});
    result.push_back(ir::Instruction{ir::Op::prefetch, {}, {}, load.buffer, load.address, first_level});
  };
  // What load number p of P asks for comes before instruction number p * I / P of I.
  size_t passed = 0, asked = 0;
  for (const ir::Statement& statement : body) {
    if (std::holds_alternative<ir::Instruction>(statement)) {
      for (; asked < asking.size() && asked * instructions / asking.size() == passed; ++asked)
        ask_for(*asking[asked]);
      ++passed;
    }
    result.push_back(statement);
  }
  body = std::move(result);
}

}  // namespace

void insert_prefetches(ir::Program& program, int64_t bytes_ahead) {
  if (bytes_ahead != 0) insert(program, program.body, distances(program, bytes_ahead));
}

}  // namespace tern::codegen
