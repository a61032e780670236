#include "codegen/emit/tile_ops.h"

#include <algorithm>

#include "codegen/emit/loop_label.h"

namespace tern::codegen {

namespace {

// Whether an array of registers is the right factor of products of tiles.
bool is_right_factor(const ir::Body& body, int array) {
  return std::ranges::any_of(body, [&](const ir::Statement& statement) {
    if (const ir::Loop* loop = std::get_if<ir::Loop>(&statement)) return is_right_factor(loop->body, array);
    const ir::Instruction& instruction = std::get<ir::Instruction>(statement);
    return instruction.op == ir::Op::tile_load_quads && instruction.result.array == array;
  });
}

}  // namespace

TileShape tile_shape(const ir::Program& program, int array) {
  const ir::VectorType type = program.registers[array].type;
  if (type.bits() == 8 * 1024) return {};
  if (is_right_factor(program.body, array)) return {type.lanes / 64, 64};
  return {16, type.lanes / 16};
}

namespace portable {
namespace {

constexpr int64_t rows = 16, row_bytes = 64;

llvm::Value* at(llvm::IRBuilderBase& builder, llvm::Value* place, int64_t bytes) {
  return builder.CreateConstGEP1_64(builder.getInt8Ty(), place, bytes);
}

llvm::FixedVectorType* row_type(llvm::IRBuilderBase& builder, int64_t bytes = row_bytes) {
  return llvm::FixedVectorType::get(builder.getInt8Ty(), static_cast<unsigned>(bytes));
}

void copy_row(llvm::IRBuilderBase& builder, llvm::Value* to, llvm::Value* from, int64_t bytes = row_bytes) {
  llvm::Value* row = builder.CreateAlignedLoad(row_type(builder, bytes), from, llvm::Align(1));
  builder.CreateAlignedStore(row, to, llvm::Align(1));
}

}  // namespace

void tile_zero(llvm::IRBuilderBase& builder, llvm::Value* tile) {
  for (int64_t row = 0; row < rows; ++row)
    builder.CreateAlignedStore(llvm::Constant::getNullValue(row_type(builder)),
                               at(builder, tile, row * row_bytes), llvm::Align(row_bytes));
}

void tile_load(llvm::IRBuilderBase& builder, llvm::Value* tile, TileShape shape, llvm::Value* from,
               int64_t stride_in_bytes) {
  for (int64_t row = 0; row < shape.rows; ++row)
    copy_row(builder, at(builder, tile, row * row_bytes), at(builder, from, row * stride_in_bytes),
             shape.row_bytes);
}

void tile_store(llvm::IRBuilderBase& builder, llvm::Value* tile, llvm::Value* to, int64_t stride_in_bytes) {
  for (int64_t row = 0; row < rows; ++row)
    copy_row(builder, at(builder, to, row * stride_in_bytes), at(builder, tile, row * row_bytes));
}

void tile_dot(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, llvm::Value* z, int inputs,
              const std::function<llvm::Value*(const DotOperands&)>& dot4) {
  // A loop over the rows of x and y: laid out, a tile would be 256 products.
  llvm::Function* function = builder.GetInsertBlock()->getParent();
  llvm::BasicBlock* before = builder.GetInsertBlock();
  auto* body = llvm::BasicBlock::Create(builder.getContext(), loop_label("row", rows), function);
  auto* after = llvm::BasicBlock::Create(builder.getContext(), "rows_done", function);
  builder.CreateBr(body);
  builder.SetInsertPoint(body);
  llvm::PHINode* offset = builder.CreatePHI(builder.getInt64Ty(), 2);
  offset->addIncoming(builder.getInt64(0), before);
  const auto row_of = [&](llvm::Value* tile) { return builder.CreateGEP(builder.getInt8Ty(), tile, offset); };
  llvm::Type* sums = llvm::FixedVectorType::get(builder.getInt32Ty(), row_bytes / 4);
  llvm::Value* sum = builder.CreateAlignedLoad(sums, row_of(x), llvm::Align(row_bytes));
  for (int64_t quad = 0; quad < inputs / 4; ++quad) {
    llvm::Value* four =
        builder.CreateAlignedLoad(builder.getInt32Ty(), at(builder, row_of(y), 4 * quad), llvm::Align(4));
    llvm::Value* splat =
        builder.CreateBitCast(builder.CreateVectorSplat(row_bytes / 4, four), row_type(builder));
    llvm::Value* row = builder.CreateAlignedLoad(row_type(builder), at(builder, z, quad * row_bytes),
                                                 llvm::Align(row_bytes));
    sum = dot4({sum, splat, row, true, 128});
  }
  builder.CreateAlignedStore(sum, row_of(x), llvm::Align(row_bytes));
  llvm::Value* next = builder.CreateAdd(offset, builder.getInt64(row_bytes));
  offset->addIncoming(next, body);
  builder.CreateCondBr(builder.CreateICmpULT(next, builder.getInt64(rows * row_bytes)), body, after);
  builder.SetInsertPoint(after);
}

}  // namespace portable
}  // namespace tern::codegen
