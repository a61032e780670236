// The three formats that have the number 42.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "runtime/gguf/gguf.h"
#include "runtime/gguf/gguf_write.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using testing::HasSubstr;

struct Matrix {
  TensorType written_as;
  uint64_t k, n;
};

// A file whose matrices say 42, whatever they are.
Expected<GgufFile> file_of(const std::vector<Matrix>& matrices, size_t missing_bytes = 0) {
  const TemporaryFolder folder;
  GgufHeader header;
  header.metadata = {{"general.architecture", std::string("qwen3")}};
  for (const Matrix& matrix : matrices)
    header.tensors.push_back(
        {"blk." + std::to_string(header.tensors.size()), matrix.written_as, {matrix.k, matrix.n}});
  const Status written = write_gguf(folder / "a.gguf", header, [&](size_t i, const ByteSink& sink) {
    return sink(std::vector<std::byte>(*tensor_bytes(header.tensors[i].type, header.tensors[i].dims)));
  });
  EXPECT_TRUE(written) << written.error().text();
  std::string bytes = read_text(folder / "a.gguf");
  for (size_t i = 0; i < matrices.size(); ++i) {
    const size_t name = bytes.find("blk." + std::to_string(i));
    const uint32_t type = 42;
    std::memcpy(&bytes[name + 5 + 4 + 16], &type, sizeof(type));
  }
  bytes.resize(bytes.size() - missing_bytes);
  std::ofstream(folder / "b.gguf", std::ios::binary) << bytes;
  return parse_gguf(map_file(folder / "b.gguf").take());
}

TEST(Type42, IsToldByTheSizesOfItsTensors) {
  for (const TensorType type : {TensorType::q2_0, TensorType::pq2_0, TensorType::stq1_0}) {
    const auto file = file_of({{type, 256, 64}, {type, 512, 48}});
    ASSERT_TRUE(file) << file.error().text();
    for (const GgufTensor& tensor : file->tensors) EXPECT_EQ(tensor.type, type) << name_of(type);
  }
}

TEST(Type42, RowsThatAreNoWholeBlocksTell) {
  const auto file = file_of({{TensorType::q2_0, 192, 1}});
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(file->tensors[0].type, TensorType::q2_0);
}

TEST(Type42, OneLargeTensorDecidesForSmallOnes) {
  const auto file = file_of({{TensorType::pq2_0, 128, 1}, {TensorType::pq2_0, 256, 64}});
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(file->tensors[0].type, TensorType::pq2_0);
}

TEST(Type42, IsRefusedWhereNothingTells) {
  const auto file = file_of({{TensorType::pq2_0, 128, 1}});
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("so small that they can be Q2_0 or PQ2_0"));
}

TEST(Type42, IsRefusedWhereNoFormFits) {
  const auto mixed = file_of({{TensorType::q2_0, 256, 64}, {TensorType::pq2_0, 256, 64}});
  ASSERT_FALSE(mixed);
  EXPECT_THAT(mixed.error().message, HasSubstr("none of the known forms in common"));
  const auto cut = file_of({{TensorType::q2_0, 256, 64}}, 64);
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().message, HasSubstr("has room for"));
}

}  // namespace
}  // namespace tern::runtime
