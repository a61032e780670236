// Internal to codegen/: tiles, registers of 1 KiB, where the target has them and where they are memory.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "codegen/emit/vector_ops.h"
#include "ir/program/program.h"

namespace tern::codegen {

// True for the types of registers that are tiles.
bool is_tile(ir::VectorType type);

// How many tiles a program has.
int tile_count(const ir::Program& program);

// Tiles in memory, for every target: 1 KiB each at `place`, aligned to 64.
namespace portable {
void tile_zero(llvm::IRBuilderBase& builder, llvm::Value* tile);
void tile_load(llvm::IRBuilderBase& builder, llvm::Value* tile, llvm::Value* from, int64_t stride_in_bytes);
void tile_store(llvm::IRBuilderBase& builder, llvm::Value* tile, llvm::Value* to, int64_t stride_in_bytes);
// x += y * z. `dot4` adds four products to each lane of a row of sums.
void tile_dot(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, llvm::Value* z,
              const std::function<llvm::Value*(const DotOperands&)>& dot4);
}  // namespace portable

// AMX. Tiles are numbered 0..7; all have 16 rows of 64 bytes. Between `tiles_begin` and `tiles_end`, nothing
// else may use them.
namespace x86 {
constexpr int amx_tiles = 8;
bool has_tiles(const targets::Target& target);
void tiles_begin(llvm::IRBuilderBase& builder, int count);
void tiles_end(llvm::IRBuilderBase& builder);
void tile_zero(llvm::IRBuilderBase& builder, int tile);
void tile_load(llvm::IRBuilderBase& builder, int tile, llvm::Value* from, int64_t stride_in_bytes);
void tile_store(llvm::IRBuilderBase& builder, int tile, llvm::Value* to, int64_t stride_in_bytes);
void tile_dot(llvm::IRBuilderBase& builder, int x, int y, int z);
}  // namespace x86

}  // namespace tern::codegen
