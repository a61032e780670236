// Asks for weights ahead of their use: hardware prefetchers alone leave much of the memory bandwidth unused
// when every stream of loads is a packed, unit-stride walk with long work between loads.
#include "codegen/lower/lower.h"

namespace tern::codegen {
namespace {

constexpr int64_t cache_line_bytes = 64;

// Only the first load in each cache line asks, as far as constants tell.
bool starts_a_line(const ir::Program& program, const ir::Instruction& load) {
  const int64_t bytes = size_in_bytes(program.buffers[load.buffer].element);
  return load.address.constant * bytes % cache_line_bytes == 0;
}

void insert(const ir::Program& program, ir::Body& body, int64_t bytes_ahead) {
  ir::Body result;
  for (ir::Statement& statement : body) {
    if (ir::Loop* loop = std::get_if<ir::Loop>(&statement)) {
      insert(program, loop->body, bytes_ahead);
    } else {
      const ir::Instruction& load = std::get<ir::Instruction>(statement);
      if (load.op == ir::Op::load && program.buffers[load.buffer].role == ir::BufferRole::weights &&
          starts_a_line(program, load))
        result.push_back(ir::Instruction{ir::Op::prefetch, {}, {}, load.buffer, load.address, bytes_ahead});
    }
    result.push_back(std::move(statement));
  }
  body = std::move(result);
}

}  // namespace

void insert_prefetches(ir::Program& program, int64_t bytes_ahead) {
  if (bytes_ahead != 0) insert(program, program.body, bytes_ahead);
}

}  // namespace tern::codegen
