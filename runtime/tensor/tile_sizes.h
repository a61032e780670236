// The sizes of the tiles in which TL1 and TL2 matrices are stored, which their files do not hold:
// bitnet.cpp's converter takes them from a file kernel_config.ini that its kernels are generated with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// For matrices of n rows and k columns: a tile has `rows` rows (bitnet.cpp's BM) and `columns` columns (BK),
// and within it `inner_rows` rows (bm, in files bmm) lie together.
struct TileSizes {
  uint64_t n = 0, k = 0;
  uint64_t rows = 0, columns = 0, inner_rows = 0;
  bool operator==(const TileSizes&) const = default;
};

// The sizes that bitnet.cpp's setup_env.py gives for a shape of the models that it knows (bitnet_b1_58-large
// and -3B, Llama3-8B-1.58); nothing for other shapes. `type` is TL1 or TL2.
std::optional<TileSizes> known_tile_sizes(TensorType type, uint64_t n, uint64_t k);

// Reads the text of a kernel_config.ini: for each shape a section, `[Kernels_0]` or any other name, with the
// five lines `m = 1536`, `k = 4096`, `bm = 256`, `bk = 128`, `bmm = 32` (n, k, rows, columns, inner_rows) in
// any order and in small or capital letters. Lines that begin with # or ; are comments. Errors, with the
// line: anything else, a key twice or missing, a number that is not from 1 to 2^24, a shape twice. `file` is
// for messages.
Expected<std::vector<TileSizes>> parse_tile_sizes(std::string_view text, const std::string& file);

// Why a matrix of a type cannot have tiles of these sizes; nothing if it can.
std::optional<std::string> find_tile_fault(TensorType type, const TileSizes& tiles);

}  // namespace tern::runtime
