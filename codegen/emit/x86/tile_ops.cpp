// AMX: the names of its instructions, and the configuration that they need. Source: Intel 64 and IA-32
// Architectures Software Developer's Manual, volume 1, chapter 18, and volume 2, LDTILECFG.
#include "codegen/emit/tile_ops.h"

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

#include <array>

namespace tern::codegen::x86 {
namespace {

void call(llvm::IRBuilderBase& builder, llvm::Intrinsic::ID id, llvm::ArrayRef<llvm::Value*> arguments) {
  llvm::Module* module = builder.GetInsertBlock()->getModule();
  builder.CreateCall(llvm::Intrinsic::getDeclaration(module, id), arguments);
}

llvm::Value* number(llvm::IRBuilderBase& builder, int tile) {
  return builder.getInt8(static_cast<uint8_t>(tile));
}

}  // namespace

bool has_tiles(const targets::Target& target) {
  return target.architecture == targets::Architecture::x86_64 &&
         target.features.contains(targets::Feature::amx_int8);
}

void tiles_begin(llvm::IRBuilderBase& builder, std::span<const TileShape> shapes) {
  // Palette 1; bytes of a row of tile i in the 16-bit word 16 + 2i, its rows in byte 48 + i.
  std::array<uint8_t, 64> bytes = {1};
  for (size_t tile = 0; tile < shapes.size(); ++tile) {
    bytes[16 + 2 * tile] = static_cast<uint8_t>(shapes[tile].row_bytes);
    bytes[48 + tile] = static_cast<uint8_t>(shapes[tile].rows);
  }
  llvm::Constant* initial = llvm::ConstantDataArray::get(builder.getContext(), bytes);
  auto* configuration =
      new llvm::GlobalVariable(*builder.GetInsertBlock()->getModule(), initial->getType(), true,
                               llvm::GlobalValue::PrivateLinkage, initial, "tile_configuration");
  configuration->setAlignment(llvm::Align(64));
  call(builder, llvm::Intrinsic::x86_ldtilecfg, {configuration});
}

void tiles_end(llvm::IRBuilderBase& builder) {
  call(builder, llvm::Intrinsic::x86_tilerelease, {});
}

void tile_zero(llvm::IRBuilderBase& builder, int tile) {
  call(builder, llvm::Intrinsic::x86_tilezero, {number(builder, tile)});
}

void tile_load(llvm::IRBuilderBase& builder, int tile, llvm::Value* from, int64_t stride_in_bytes) {
  call(builder, llvm::Intrinsic::x86_tileloadd64,
       {number(builder, tile), from, builder.getInt64(stride_in_bytes)});
}

void tile_store(llvm::IRBuilderBase& builder, int tile, llvm::Value* to, int64_t stride_in_bytes) {
  call(builder, llvm::Intrinsic::x86_tilestored64,
       {number(builder, tile), to, builder.getInt64(stride_in_bytes)});
}

void tile_dot(llvm::IRBuilderBase& builder, int x, int y, int z) {
  call(builder, llvm::Intrinsic::x86_tdpbssd, {number(builder, x), number(builder, y), number(builder, z)});
}

}  // namespace tern::codegen::x86
