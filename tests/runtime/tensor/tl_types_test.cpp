// TL1 and TL2: bytes made here from the description of the formats, one weight after the other, by where each
// of them lies.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <tuple>

#include "base/counter_random.h"
#include "runtime/gguf/gguf.h"
#include "runtime/tensor/i2_s.h"
#include "runtime/tensor/tile_sizes.h"
#include "tests/runtime/model/small_model.h"
#include "tests/support/random.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

// A matrix of trits.
struct Matrix {
  uint64_t n, k;
  std::vector<int> trits;
  int at(uint64_t row, uint64_t column) const { return trits[row * k + column]; }
};

Matrix random_matrix(uint64_t n, uint64_t k, uint32_t seed) {
  tern::testing::Random random(seed);
  Matrix matrix{n, k, {}};
  for (uint64_t i = 0; i < n * k; ++i) matrix.trits.push_back(static_cast<int>(random.pick(-1, 1)));
  return matrix;
}

void or_into(std::vector<std::byte>& bytes, uint64_t at, unsigned bits) {
  bytes.at(at) |= static_cast<std::byte>(bits);
}

// A nibble for a pair of columns, in the high half of a byte for the first of two pairs.
void put_pair(std::vector<std::byte>& bytes, uint64_t at, const Matrix& m, uint64_t row, uint64_t column) {
  const int pair = 3 * m.at(row, column) + m.at(row, column + 1) + 4;
  or_into(bytes, at, static_cast<unsigned>(pair) << (column % 4 == 0 ? 4 : 0));
}

std::vector<std::byte> tl1_bytes(const Matrix& m, const TileSizes& t, float scale) {
  std::vector<std::byte> bytes(m.n * m.k / 4 + 32);
  const uint64_t by = 256 / t.inner_rows;
  for (uint64_t row = 0; row < m.n; ++row) {
    for (uint64_t column = 0; column < m.k; column += 2) {
      uint64_t at = row / t.rows;
      at = at * (m.k / t.columns) + column / t.columns;
      at = at * (t.rows / t.inner_rows) + row % t.rows / t.inner_rows;
      at = at * (t.columns / by) + column % t.columns / by;
      at = at * (t.inner_rows / 16) + row % t.inner_rows / 16;
      at = at * (by / 4) + column % by / 4;
      put_pair(bytes, at * 16 + row % 16, m, row, column);
    }
  }
  std::memcpy(&bytes[m.n * m.k / 4], &scale, sizeof(scale));
  return bytes;
}

std::vector<std::byte> tl2_bytes(const Matrix& m, const TileSizes& t, float scale) {
  const uint64_t size = *tensor_bytes(TensorType::tl2, std::vector{m.k, m.n});
  std::vector<std::byte> bytes(size);
  const uint64_t three_k = m.k / t.columns * t.columns, signs = m.n * three_k / 6,
                 pairs = signs + m.n * three_k / 24;
  for (uint64_t row = 0; row < m.n; ++row) {
    // Rows 8 to 15 and 16 to 23 of 32 change places in the nibbles, not in the signs.
    const uint64_t eight = row % 32 / 8, place = (eight == 1 ? 2 : eight == 2 ? 1 : eight) * 8 + row % 8;
    for (uint64_t column = 0; column < three_k; column += 3) {
      const int triple = 9 * m.at(row, column) + 3 * m.at(row, column + 1) + m.at(row, column + 2);
      uint64_t piece = row / t.rows * (three_k / t.columns) + column / t.columns;
      piece = piece * (t.rows / 32) + row % t.rows / 32;
      const uint64_t nibble = (piece * (t.columns / 6) + column % t.columns / 6) * 32 + place;
      or_into(bytes, nibble, static_cast<unsigned>(std::abs(triple)) << (column % 6 == 0 ? 4 : 0));
      const uint64_t word = (piece * (t.columns / 24) + column % t.columns / 24) * 16 + row % 16;
      const uint64_t bit = 15 - (column % 24 / 3 * 2 + row % 32 / 16);
      if (triple < 0) or_into(bytes, signs + 2 * word + bit / 8, 1u << bit % 8);
    }
    for (uint64_t column = three_k; column < m.k; column += 2) {
      const uint64_t rest = column - three_k;
      uint64_t at = row / t.rows * ((m.k - three_k) / 32) + rest / 32;
      at = (at * (t.rows / 32) + row % t.rows / 32) * 8 + rest % 32 / 4;
      put_pair(bytes, pairs + at * 32 + place, m, row, column);
    }
  }
  std::memcpy(&bytes[size - 32], &scale, sizeof(scale));
  return bytes;
}

// What the type makes of the bytes.
Matrix read(const TensorTypeInfo& type, const std::vector<std::byte>& bytes, const TileSizes& tiles,
            float& scale) {
  std::vector<std::byte> codes(tiles.n * tiles.k / 4 + 32);
  EXPECT_EQ(find_tile_fault(type.type, tiles), std::nullopt);
  EXPECT_EQ(type.read_tiles(bytes, tiles, codes), std::nullopt);
  Matrix matrix{tiles.n, tiles.k, {}};
  std::vector<int8_t> numbers(tiles.n * tiles.k);
  read_codes(std::span(codes).first(codes.size() - 32), 0, I2sOrder::blocks_of_128, numbers);
  matrix.trits.assign(numbers.begin(), numbers.end());
  std::memcpy(&scale, &codes[codes.size() - 32], sizeof(scale));
  return matrix;
}

TEST(TlTypes, Tl1IsReadWithoutLoss) {
  const TileSizes shapes[] = {{128, 128, 64, 64, 32},    {256, 256, 128, 64, 64}, {256, 384, 256, 128, 32},
                              {320, 192, 160, 64, 32},   {128, 256, 128, 8, 32},  {128, 256, 64, 256, 64},
                              {1024, 4096, 256, 128, 32}};
  uint32_t seed = 0;
  for (const TileSizes& tiles : shapes) {
    const Matrix matrix = random_matrix(tiles.n, tiles.k, ++seed);
    float scale = 0;
    EXPECT_EQ(read(tl1_type, tl1_bytes(matrix, tiles, 0.75f), tiles, scale).trits, matrix.trits);
    EXPECT_EQ(scale, 0.75f);
  }
}

TEST(TlTypes, Tl2IsReadWithoutLoss) {
  const TileSizes shapes[] = {{64, 288, 32, 96, 32},    {64, 320, 64, 96, 32},  {128, 256, 64, 96, 32},
                              {192, 384, 96, 192, 32},  {64, 256, 32, 384, 32}, {320, 448, 160, 192, 32},
                              {1024, 4096, 256, 96, 32}};
  uint32_t seed = 100;
  for (const TileSizes& tiles : shapes) {
    const Matrix matrix = random_matrix(tiles.n, tiles.k, ++seed);
    float scale = 0;
    EXPECT_EQ(read(tl2_type, tl2_bytes(matrix, tiles, 0.375f), tiles, scale).trits, matrix.trits)
        << tiles.n << " x " << tiles.k;
    EXPECT_EQ(scale, 0.375f);
  }
}

TEST(TlTypes, CodesOfNoWeightsAreFound) {
  const TileSizes one = {128, 128, 64, 64, 32}, two = {64, 320, 64, 96, 32};
  std::vector<std::byte> codes(128 * 128 / 4 + 32);
  std::vector<std::byte> tl1 = tl1_bytes(random_matrix(128, 128, 1), one, 1);
  tl1[5] = std::byte{0x49};  // of row 5, columns 2 and 3
  EXPECT_EQ(tl1_type.read_tiles(tl1, one, codes), 5 * 128 + 2);
  Matrix zeros{64, 320, std::vector<int>(64 * 320)};
  std::vector<std::byte> tl2 = tl2_bytes(zeros, two, 1), to(64 * 320 / 4 + 32);
  tl2[3] = std::byte{0xe0};  // a magnitude of 14 in row 3
  EXPECT_EQ(tl2_type.read_tiles(tl2, two, to), 3 * 320);
  tl2 = tl2_bytes(zeros, two, 1);
  tl2[64 * 288 / 6 + 1] = std::byte{0x80};  // a triple of zeros that is negative
  EXPECT_EQ(tl2_type.read_tiles(tl2, two, to), 0);
}

TEST(TlTypes, TilesMustFit) {
  const auto fault = [](TensorType type, const TileSizes& tiles) {
    return find_tile_fault(type, tiles).value_or("");
  };
  EXPECT_THAT(fault(TensorType::tl1, {128, 128, 64, 64, 16}), HasSubstr("bmm is 16, not 32 or 64"));
  EXPECT_THAT(fault(TensorType::tl1, {128, 128, 96, 64, 32}),
              HasSubstr("m of 128 is no multiple of bm = 96"));
  EXPECT_THAT(fault(TensorType::tl1, {128, 128, 32, 64, 64}),
              HasSubstr("bm of 32 is no multiple of bmm = 64"));
  EXPECT_THAT(fault(TensorType::tl1, {128, 128, 64, 96, 32}), HasSubstr("k of 128"));
  EXPECT_THAT(fault(TensorType::tl2, {64, 320, 64, 96, 64}), HasSubstr("not 32"));
  EXPECT_THAT(fault(TensorType::tl2, {64, 320, 64, 32, 32}), HasSubstr("no multiple of 24"));
  EXPECT_THAT(fault(TensorType::tl2, {64, 304, 64, 96, 32}), HasSubstr("the 16 columns past whole tiles"));
  EXPECT_THAT(fault(TensorType::tl2, {64, 672, 64, 384, 32}), HasSubstr("the 288 columns past whole tiles"));
  for (const TensorType type : {TensorType::tl1, TensorType::tl2}) {
    EXPECT_EQ(fault(type, *known_tile_sizes(type, 3200, 8640)), "");
    EXPECT_EQ(fault(type, *known_tile_sizes(type, 8640, 3200)), "");
    EXPECT_EQ(fault(type, *known_tile_sizes(type, 1536, 4096)), "");
    EXPECT_EQ(known_tile_sizes(type, 3201, 8640), std::nullopt);
  }
}

TEST(TileSizes, AreReadFromAKernelConfig) {
  const auto sizes = parse_tile_sizes(
      "# made by codegen_tl1.py\n[Kernels_0]\nm = 1536\nk = 4096\nbm = 256\nbk = 128\nbmm = 32\n\n"
      "[Kernels_1]\r\nBMM=64\r\nM=1536\r\nK = 1536\r\nBM = 128\r\nBK = 64",
      "a.ini");
  ASSERT_TRUE(sizes) << sizes.error().text();
  EXPECT_EQ(*sizes, (std::vector<TileSizes>{{1536, 4096, 256, 128, 32}, {1536, 1536, 128, 64, 64}}));
}

TEST(TileSizes, RefuseWhatIsNoKernelConfig) {
  const auto refusal = [](const std::string& text) {
    const auto sizes = parse_tile_sizes(text, "a.ini");
    return sizes ? "" : sizes.error().text();
  };
  const std::string good = "[a]\nm=1\nk=2\nbm=3\nbk=4\nbmm=5\n";
  EXPECT_EQ(refusal(good), "");
  EXPECT_THAT(refusal(""), HasSubstr("no tile sizes"));
  EXPECT_THAT(refusal("m=1"), HasSubstr("before the first section"));
  EXPECT_THAT(refusal("[a\n"), HasSubstr("does not end in ]"));
  EXPECT_THAT(refusal("[a]\nx=1"), HasSubstr("a.ini:2:1: "));
  EXPECT_THAT(refusal("[a]\nm"), HasSubstr("not of the form"));
  EXPECT_THAT(refusal("[a]\nm=0"), HasSubstr("m is not a whole number from 1"));
  EXPECT_THAT(refusal("[a]\nm=99999999999999999999"), HasSubstr("m is not a whole number"));
  EXPECT_THAT(refusal("[a]\nm=1 2"), HasSubstr("m is not a whole number"));
  EXPECT_THAT(refusal(good + "m=1"), HasSubstr("given twice"));
  EXPECT_THAT(refusal(good + "[b]\nm=1"), HasSubstr("the section has no k"));
  EXPECT_THAT(refusal(good + good), HasSubstr("occur twice"));
}

// A small model whose matrices are TL1, but for that of `down`, which is TL2.
class TlModel {
 public:
  TlModel() {
    std::string config;
    uint32_t seed = 200;
    for (const auto& [name, n, k] :
         std::vector<std::tuple<std::string, uint64_t, uint64_t>>{{"attn_q", 128, 128},
                                                                  {"attn_k", 64, 128},
                                                                  {"attn_v", 64, 128},
                                                                  {"attn_output", 128, 128},
                                                                  {"ffn_gate", 256, 128},
                                                                  {"ffn_up", 256, 128},
                                                                  {"ffn_down", 128, 256}}) {
      const bool is_tl2 = name == "ffn_down";
      const TileSizes tiles = {n, k, n == 64 ? 32u : 64u, is_tl2 ? 96u : 64u, 32};
      const Matrix matrix = random_matrix(n, k, ++seed);
      matrices["blk.0." + name + ".weight"] = matrix;
      small.tensor("blk.0." + name + ".weight", is_tl2 ? TensorType::tl2 : TensorType::tl1, {k, n},
                   is_tl2 ? tl2_bytes(matrix, tiles, 0.5f) : tl1_bytes(matrix, tiles, 0.5f));
      if (config.find(fmt::format("m = {}\nk = {}\n", n, k)) == std::string::npos)
        config += fmt::format("[Kernels_{}]\nm = {}\nk = {}\nbm = {}\nbk = {}\nbmm = 32\n", seed, n, k,
                              tiles.rows, tiles.columns);
    }
    sizes = folder / "kernel_config.ini";
    std::ofstream(sizes) << config;
  }

  SmallModel small;
  std::map<std::string, Matrix> matrices;
  TemporaryFolder folder;
  std::string sizes;
};

TEST(TlTypes, AModelLoadsWithItsTileSizes) {
  const TlModel made;
  const auto model = made.small.load({.tile_sizes = made.sizes});
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_TRUE(model->warnings.empty());
  for (const auto& [role, tensor] : model->layers[0].matrices) {
    const Matrix& matrix = made.matrices.at(std::string(tensor.name));
    EXPECT_EQ(tensor.scale, 0.5f);
    std::vector<int8_t> numbers(tensor.k);
    for (uint64_t row = 0; row < tensor.n; ++row) {
      read_numbers(tensor, row, numbers);
      for (uint64_t i = 0; i < tensor.k; ++i) ASSERT_EQ(numbers[i], matrix.at(row, i)) << tensor.name;
    }
  }
  EXPECT_THAT(made.small.refusal(), HasSubstr("tiles of 128 x 128 weights are not known"));
  EXPECT_THAT(made.small.load({.tile_sizes = "/nowhere.ini"}).error().text(), HasSubstr("/nowhere.ini"));
}

TEST(TlTypes, DamagedFilesAreRefusedOrLoad) {
  const TlModel made;
  made.small.write(made.folder / "whole.gguf");
  const std::string whole = read_text(made.folder / "whole.gguf");
  const RandomStream random(31, "tl");
  int loaded = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    std::string text = whole;
    // A third each: the header, anywhere, cut off.
    for (uint64_t change = 0; change <= i % 3; ++change) {
      const uint64_t bits = random.bits(8 * i + change);
      text[bits % (i % 3 == 0 ? 3000 : text.size())] = static_cast<char>(bits >> 56);
    }
    if (i % 3 == 2) text.resize(random.bits(8 * i + 7) % text.size());
    std::vector<std::byte> bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    auto file = parse_gguf(FileMapping("mutated", std::move(bytes)));
    if (!file) {
      EXPECT_FALSE(file.error().message.empty());
      continue;
    }
    const auto model = load_model(file.take(), {.tile_sizes = made.sizes});
    EXPECT_TRUE(model || !model.error().message.empty());
    loaded += model ? 1 : 0;
  }
  EXPECT_GT(loaded, 0);
  EXPECT_LT(loaded, 200);
}

// Matrices of ggml's MXFP4 have TL2's number.
TEST(TlTypes, NumberThirtyNineIsToldBySizes) {
  const auto meaning = [](TensorType type, uint64_t k, uint64_t n) {
    const TemporaryFolder folder;
    const GgufHeader header = {{{"general.architecture", std::string("llama")}}, {{"blk.0", type, {k, n}}}};
    const Status written = write_gguf(folder / "a.gguf", header, [&](size_t, const ByteSink& sink) {
      return sink(std::vector<std::byte>(*tensor_bytes(type, std::vector{k, n})));
    });
    EXPECT_TRUE(written) << written.error().text();
    std::string text = read_text(folder / "a.gguf");
    const uint32_t number = 39;
    std::memcpy(&text[text.find("blk.0") + 5 + 4 + 16], &number, sizeof(number));
    std::vector<std::byte> bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    const auto file = parse_gguf(FileMapping("a.gguf", std::move(bytes)));
    EXPECT_TRUE(file) << file.error().text();
    return file ? file->tensors[0].type : TensorType::f32;
  };
  EXPECT_EQ(meaning(TensorType::tl2, 256, 32), TensorType::tl2);
  EXPECT_EQ(meaning(TensorType::mxfp4, 256, 32), TensorType::mxfp4);
  EXPECT_EQ(meaning(TensorType::tl2, 3200, 640), TensorType::tl2);
  EXPECT_EQ(meaning(TensorType::mxfp4, 64, 1), TensorType::mxfp4);
}

}  // namespace
}  // namespace tern::runtime
