// Internal to codegen/: tiles, registers of 1 KiB, where the target has them and where they are memory.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <span>

#include "codegen/emit/vector_ops.h"
#include "ir/program/program.h"

namespace tern::codegen {

// Rows of a tile, and the bytes of each.
struct TileShape {
  int rows = 16;
  int row_bytes = 64;
};

// The shapes of the tiles of an array of registers: see ir::Op. Precondition: ir::is_tile of its type.
TileShape tile_shape(const ir::Program& program, int array);

// Tiles in memory, for every target: 1 KiB each at `place`, aligned to 64, their rows 64 bytes apart.
namespace portable {
void tile_zero(llvm::IRBuilderBase& builder, llvm::Value* tile);
void tile_load(llvm::IRBuilderBase& builder, llvm::Value* tile, TileShape shape, llvm::Value* from,
               int64_t stride_in_bytes);
void tile_store(llvm::IRBuilderBase& builder, llvm::Value* tile, llvm::Value* to, int64_t stride_in_bytes);
// x += y * z, over `inputs`. `dot4` adds four products to each lane of a row of sums.
void tile_dot(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, llvm::Value* z, int inputs,
              const std::function<llvm::Value*(const DotOperands&)>& dot4);
}  // namespace portable

// AMX. Tiles are numbered 0..7. Between `tiles_begin`, which gives them their shapes, and `tiles_end`,
// nothing else may use them.
namespace x86 {
constexpr int amx_tiles = 8;
bool has_tiles(const targets::Target& target);
void tiles_begin(llvm::IRBuilderBase& builder, std::span<const TileShape> shapes);
void tiles_end(llvm::IRBuilderBase& builder);
void tile_zero(llvm::IRBuilderBase& builder, int tile);
void tile_load(llvm::IRBuilderBase& builder, int tile, llvm::Value* from, int64_t stride_in_bytes);
void tile_store(llvm::IRBuilderBase& builder, int tile, llvm::Value* to, int64_t stride_in_bytes);
void tile_dot(llvm::IRBuilderBase& builder, int x, int y, int z);
}  // namespace x86

}  // namespace tern::codegen
