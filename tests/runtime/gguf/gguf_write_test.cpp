#include "runtime/gguf/gguf_write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/gguf/gguf.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using testing::HasSubstr;

GgufHeader two_tensors() {
  return {.metadata = {{"u32", uint32_t{7}}},
          .tensors = {{"first", TensorType::f32, {3}}, {"second", TensorType::i2_s, {128, 2}}}};
}

// The i-th tensor is filled with the byte i + 1, in two pieces.
Status fill(size_t index, const ByteSink& sink, std::vector<size_t> sizes) {
  const std::vector<std::byte> bytes(sizes[index], static_cast<std::byte>(index + 1));
  const size_t half = bytes.size() / 2;
  const Status first = sink(std::span(bytes).first(half));
  return first ? sink(std::span(bytes).subspan(half)) : first;
}

TEST(GgufWrite, WhatIsWrittenIsRead) {
  const TemporaryFolder folder;
  GgufHeader header = two_tensors();
  header.metadata = {{"u32", uint32_t{7}},
                     {"i32", int32_t{-7}},
                     {"f32", 0.5f},
                     {"bool", true},
                     {"string", std::string("text")},
                     {"strings", std::vector<std::string>{"a", "", "long enough"}},
                     {"i32s", std::vector<int32_t>{1, -2}},
                     {"f32s", std::vector<float>{-0.5f}}};
  const Status status = write_gguf(folder / "a", header, [](size_t i, const ByteSink& sink) {
    return fill(i, sink, {12, 96});
  });
  ASSERT_TRUE(status) << status.error().text();
  auto mapping = map_file(folder / "a");
  ASSERT_TRUE(mapping);
  const auto file = parse_gguf(mapping.take());
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(file->version, 3u);
  EXPECT_EQ(*get_integer(*file, "u32", 0, 9), 7u);
  EXPECT_EQ(std::get<int32_t>(*file->find("i32")), -7);
  EXPECT_EQ(*get_number(*file, "f32"), 0.5);
  EXPECT_TRUE(*get_boolean(*file, "bool"));
  EXPECT_EQ(*get_string(*file, "string"), "text");
  EXPECT_EQ(*get_strings(*file, "strings"), (std::vector<std::string_view>{"a", "", "long enough"}));
  EXPECT_EQ(*get_integers(*file, "i32s"), (std::vector<int32_t>{1, -2}));
  EXPECT_EQ(*get_floats(*file, "f32s"), std::vector<float>{-0.5f});
  ASSERT_EQ(file->tensors.size(), 2u);
  EXPECT_EQ(file->tensors[1].offset, file->data_offset + 32);  // 12 bytes padded to 32
  EXPECT_EQ(file->file.bytes().size(), file->data_offset + 32 + 96);
  for (size_t i = 0; i < 2; ++i) {
    for (const std::byte byte : file->tensors[i].data) ASSERT_EQ(static_cast<size_t>(byte), i + 1);
  }
}

TEST(GgufWrite, LeavesNothingBehindWhenItFails) {
  const TemporaryFolder folder;
  const auto failing = [](size_t i, const ByteSink& sink) -> Status {
    if (i == 1) return Error{"out of ideas"};
    return fill(i, sink, {12, 96});
  };
  EXPECT_EQ(write_gguf(folder / "a", two_tensors(), failing).error().message, "out of ideas");
  const auto too_short = [](size_t i, const ByteSink& sink) { return fill(i, sink, {12, 95}); };
  EXPECT_THAT(write_gguf(folder / "a", two_tensors(), too_short).error().message,
              HasSubstr("tensor 'second' was given 95 bytes instead of 96"));
  EXPECT_EQ(folder.entries(), 0u);
}

}  // namespace
}  // namespace tern::runtime
