// Lowering: from a Kernel to a Program that can be emitted. Read the list of passes in lower.cpp first.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/program/program.h"

namespace tern::codegen {

// Sees the program after each pass.
using PassObserver = std::function<void(std::string_view pass, const ir::Program& program)>;

// Precondition: ir::verify(kernel) found nothing. The result may still be refused by ir::verify, if its
// integers can overflow.
//
// The buffers of the result, in the order of the pointers in a call:
// - ternary: W (packed weights), A (i8 [m, activation_stride]; of lookup T and H in its place, see
//   lower_tables), asum (i32 [m], sum of each row of A), sa (f32 [m], scale of each row of A), sw (f32 [1],
//   or [output_stride] if weights are scaled by row), R or G (f32, as C; see ir::Epilogue), C (f32 [m,
//   output_stride]); if rows are quantised, Q (i8, as C), qsum (i32 [m]) and sq (f32 [m]), which are A, asum
//   and sa of a product with k of this n;
// - dense: W, S (f32 scales, if they are scaled by group), A (f32 [m, activation_stride]), C.
// Rows of all these past m, up to a whole tile of rows, must exist; what A holds there is not used
// for the rows before.
ir::Program lower(const ir::Kernel& kernel, const PassObserver& observe = {});

// Preparations: the programs that a kernel's strategy needs beside its own, in the order in which they run,
// before it; none for most strategies. Each reads activations, or what one before it wrote, and writes
// buffers that the kernel reads: parameters of equal roles are the same memory. Its one parallel loop is over
// the rows of activations. Equal programs (codegen::hash) of the same activations need to run only once,
// whatever number of kernels reads what they write.
std::vector<ir::Program> preparations(const ir::Kernel& kernel);

// The preparation of strategy lookup: builds the look-up tables from quantised activations. Its buffers: A
// (i8 [m, activation_stride]), T (u8 [m, TableShape::row_bytes]) and H (i8, the same): low and high bytes.
// It is the same for kernels of equal table_shape, m and k.
ir::Program lower_tables(const ir::Kernel& kernel);

// The passes.
void unroll_loops(ir::Program& program);
void insert_prefetches(ir::Program& program, int64_t bytes_ahead);

// Rows of activations and outputs that a kernel's tiles cover: m rounded up to whole tiles.
int64_t padded_rows(const ir::Kernel& kernel);

}  // namespace tern::codegen
