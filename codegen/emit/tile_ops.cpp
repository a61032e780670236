#include "codegen/emit/tile_ops.h"

#include "codegen/emit/loop_label.h"

namespace tern::codegen {

bool is_tile(ir::VectorType type) {
  return type.bits() == 8 * 1024;
}

int tile_count(const ir::Program& program) {
  int64_t count = 0;
  for (const ir::RegisterArray& array : program.registers) count += is_tile(array.type) ? array.count : 0;
  return static_cast<int>(count);
}

namespace portable {
namespace {

constexpr int64_t rows = 16, row_bytes = 64;

llvm::Value* at(llvm::IRBuilderBase& builder, llvm::Value* place, int64_t bytes) {
  return builder.CreateConstGEP1_64(builder.getInt8Ty(), place, bytes);
}

llvm::FixedVectorType* row_type(llvm::IRBuilderBase& builder) {
  return llvm::FixedVectorType::get(builder.getInt8Ty(), row_bytes);
}

void copy_row(llvm::IRBuilderBase& builder, llvm::Value* to, llvm::Value* from) {
  llvm::Value* row = builder.CreateAlignedLoad(row_type(builder), from, llvm::Align(1));
  builder.CreateAlignedStore(row, to, llvm::Align(1));
}

}  // namespace

void tile_zero(llvm::IRBuilderBase& builder, llvm::Value* tile) {
  for (int64_t row = 0; row < rows; ++row)
    builder.CreateAlignedStore(llvm::Constant::getNullValue(row_type(builder)),
                               at(builder, tile, row * row_bytes), llvm::Align(row_bytes));
}

void tile_load(llvm::IRBuilderBase& builder, llvm::Value* tile, llvm::Value* from, int64_t stride_in_bytes) {
  for (int64_t row = 0; row < rows; ++row)
    copy_row(builder, at(builder, tile, row * row_bytes), at(builder, from, row * stride_in_bytes));
}

void tile_store(llvm::IRBuilderBase& builder, llvm::Value* tile, llvm::Value* to, int64_t stride_in_bytes) {
  for (int64_t row = 0; row < rows; ++row)
    copy_row(builder, at(builder, to, row * stride_in_bytes), at(builder, tile, row * row_bytes));
}

void tile_dot(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, llvm::Value* z,
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
  for (int64_t quad = 0; quad < row_bytes / 4; ++quad) {
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
