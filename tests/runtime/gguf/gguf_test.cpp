#include "runtime/gguf/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gguf_bytes.h"

namespace tern::runtime {
namespace {

using testing::HasSubstr;

constexpr uint32_t f32 = 0, i2_s = 36;  // tensor types

std::string refusal(const GgufBytes& bytes) {
  const auto file = parse_gguf(bytes.file());
  EXPECT_FALSE(file);
  if (file) return "";
  EXPECT_EQ(file.error().where.file, "a.gguf");
  return file.error().message;
}

GgufFile parsed(const GgufBytes& bytes) {
  auto file = parse_gguf(bytes.file());
  EXPECT_TRUE(file) << file.error().text();
  return file.take();
}

// ---- what is right ----

TEST(Gguf, ReadsEveryTypeOfMetadata) {
  GgufBytes bytes;
  bytes.front(0, 13);
  bytes.key("u8", 0).number<uint8_t>(200).key("i8", 1).number<int8_t>(-3);
  bytes.key("u16", 2).number<uint16_t>(60000).key("i16", 3).number<int16_t>(-300);
  bytes.key("u32", 4).u32(4000000000u).key("i32", 5).number<int32_t>(-70000);
  bytes.key("f32", 6).number(1.5f).key("bool", 7).u8(1).key("string", 8).string("text");
  bytes.key("array", 9).u32(8).u64(2).string("one").string("");
  bytes.key("u64", 10).u64(1ull << 40).key("i64", 11).number<int64_t>(-1).key("f64", 12).number(0.25);
  const GgufFile file = parsed(bytes);
  ASSERT_EQ(file.metadata.size(), 13u);
  for (size_t i = 0; i < 13; ++i) EXPECT_EQ(static_cast<size_t>(type_of(file.metadata[i].value)), i);
  EXPECT_EQ(*get_integer(file, "u8", 0, 255), 200u);
  EXPECT_EQ(*get_integer(file, "u16", 0, 65535), 60000u);
  EXPECT_EQ(*get_integer(file, "u32", 0, ~0ull), 4000000000u);
  EXPECT_EQ(*get_integer(file, "u64", 0, ~0ull), 1ull << 40);
  EXPECT_EQ(*get_number(file, "f32"), 1.5);
  EXPECT_EQ(*get_number(file, "f64"), 0.25);
  EXPECT_TRUE(*get_boolean(file, "bool"));
  // Neighbouring types, as some converters write them.
  EXPECT_EQ(*get_number(file, "u32"), 4e9);
  EXPECT_EQ(*get_number(file, "i16"), -300);
  EXPECT_EQ(get_boolean(file, "u8").error().message, "key 'u8' is of type u8, not a bool");  // 200
  EXPECT_EQ(*get_string(file, "string"), "text");
  EXPECT_EQ(*get_strings(file, "array"), (std::vector<std::string_view>{"one", ""}));
}

TEST(Gguf, ReadsTensorsOfBothVersionsAndAnyAlignment) {
  for (const uint32_t version : {2u, 3u}) {
    GgufBytes bytes;
    bytes.front(2, 1, version).key("general.alignment", 4).u32(64);
    bytes.tensor("b", {2, 3}, f32, 64).tensor("a", {4}, f32, 0).pad(64);
    const size_t data = bytes.size();
    bytes.zeros(64 + 24);
    const GgufFile file = parsed(bytes);
    EXPECT_EQ(file.version, version);
    EXPECT_EQ(file.data_offset, data);
    ASSERT_EQ(file.tensors.size(), 2u);
    EXPECT_EQ(file.find_tensor("b")->offset, data + 64);
    EXPECT_EQ(file.find_tensor("b")->data.size(), 24u);
    EXPECT_EQ(file.find_tensor("b")->dims, (std::array<uint64_t, 4>{2, 3, 1, 1}));
    EXPECT_EQ(file.find_tensor("c"), nullptr);
  }
}

TEST(Gguf, MayEndBehindTheMetadata) {
  EXPECT_TRUE(parsed(GgufBytes().front(0, 0)).tensors.empty());
}

TEST(Gguf, GettersNameTheKey) {
  GgufBytes bytes;
  bytes.front(0, 4).key("negative", 5).number<int32_t>(-1).key("text", 8).string("x");
  bytes.key("floats", 9).u32(6).u64(1).number(2.0f).key("big", 4).u32(100);
  const GgufFile file = parsed(bytes);
  EXPECT_EQ(get_string(file, "none").error().text(), "a.gguf: key 'none' is missing");
  EXPECT_EQ(get_string(file, "big").error().message, "key 'big' is of type u32, not a string");
  EXPECT_EQ(get_integer(file, "negative", 0, 9).error().message,
            "key 'negative' is of type i32, not a non-negative integer");
  EXPECT_EQ(get_integer(file, "big", 1, 99).error().message, "key 'big' is 100, outside of 1 to 99");
  EXPECT_EQ(get_number(file, "text").error().message, "key 'text' is of type string, not a number");
  EXPECT_EQ(get_boolean(file, "text").error().message, "key 'text' is of type string, not a bool");
  EXPECT_EQ(get_strings(file, "floats").error().message,
            "key 'floats' is an array of f32, not an array of strings");
  EXPECT_EQ(get_integers(file, "floats").error().message,
            "key 'floats' is an array of f32, not an array of i32");
  EXPECT_EQ(get_floats(file, "text").error().message, "key 'text' is of type string, not an array of f32");
}

TEST(Gguf, QuotesWhatATerminalMustNotObey) {
  EXPECT_EQ(quote("plain"), "'plain'");
  EXPECT_EQ(quote("\x1b[2J\n"), "'\\x1b[2J\\x0a'");
  EXPECT_EQ(quote("caf\xc3\xa9 \xc4\xa0"), "'caf\xc3\xa9 \xc4\xa0'");
  EXPECT_EQ(quote("\xc2\x9b \xff \xc3"), "'\\xc2\\x9b \\xff \\xc3'");
  EXPECT_EQ(quote(std::string(200, 'x')), "'" + std::string(80, 'x') + "...'");
}

// ---- what is wrong in the front ----

TEST(GgufRefuses, OtherFiles) {
  EXPECT_THAT(refusal(GgufBytes().raw("GG")), HasSubstr("ends at byte 2 inside the magic number"));
  EXPECT_THAT(refusal(GgufBytes().raw("#!/bin/sh\n")), HasSubstr("not a GGUF file"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 0, 1)), HasSubstr("version 1"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 0, 4)), HasSubstr("version 4"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 0, 0x03000000)), HasSubstr("big-endian"));
}

TEST(GgufRefuses, CountsThatTheFileCannotHold) {
  EXPECT_THAT(refusal(GgufBytes().front(~0ull, 0)),
              HasSubstr("at byte 8: the number of tensors is 18446744073709551615"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 1ull << 63)), HasSubstr("at byte 16: the number of keys"));
  EXPECT_THAT(refusal(GgufBytes().front(2, 0).zeros(39)), HasSubstr("more than the file can hold"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 70000).zeros(2000000)), HasSubstr("more than the limit of 65536"));
}

// ---- what is wrong in the metadata ----

TEST(GgufRefuses, Keys) {
  EXPECT_THAT(refusal(GgufBytes().front(0, 2).key("a", 0).u8(1).key("a", 0).u8(1).zeros(9)),
              HasSubstr("key 'a' occurs twice"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 1).key("", 0).u8(1)), HasSubstr("key '' is empty"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 1).u64(~0ull).zeros(16)),
              HasSubstr("at byte 24: key 1 of 1 claims a length"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 1).key(std::string(70000, 'k'), 0).u8(1)),
              HasSubstr("length of 70000"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 1).key("a", 13).u64(0)),
              HasSubstr("at byte 33: key 'a' has the unknown type 13"));
}

TEST(GgufRefuses, Values) {
  EXPECT_THAT(refusal(GgufBytes().front(0, 1).key("a", 7).u8(2)),
              HasSubstr("key 'a' is a bool with the value 2"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 1).key("a", 10).u32(0)),
              HasSubstr("ends at byte 41 inside key 'a'"));
  EXPECT_THAT(refusal(GgufBytes().front(0, 1).key("a", 8).u64(5).raw("four")),
              HasSubstr("claims a length of 5 bytes"));
}

TEST(GgufRefuses, Arrays) {
  const auto array = [](uint32_t element, uint64_t count) {
    return GgufBytes().front(0, 1).key("a", 9).u32(element).u64(count);
  };
  EXPECT_THAT(refusal(array(9, 0)), HasSubstr("array of arrays"));
  EXPECT_THAT(refusal(array(13, 0)), HasSubstr("array of the unknown type 13"));
  EXPECT_THAT(refusal(array(6, 2).u32(0)), HasSubstr("claims 2 elements"));
  EXPECT_THAT(refusal(array(6, 1ull << 62).u32(0)), HasSubstr("claims 4611686018427387904 elements"));
  EXPECT_THAT(refusal(array(8, ~0ull).u64(0)), HasSubstr("more than the file can hold"));
  EXPECT_THAT(refusal(array(8, 2).u64(1000).u64(0)), HasSubstr("claims a length of 1000 bytes"));
}

TEST(GgufRefuses, Alignments) {
  const auto aligned = [](uint32_t alignment) {
    return GgufBytes().front(0, 1).key("general.alignment", 4).u32(alignment);
  };
  for (const uint32_t alignment : {0u, 4u, 24u, 1u << 21, 1u << 31}) {
    EXPECT_THAT(refusal(aligned(alignment)), HasSubstr("not a power of two from 8 to 1048576")) << alignment;
  }
  EXPECT_THAT(refusal(GgufBytes().front(0, 1).key("general.alignment", 10).u64(32)),
              HasSubstr("of type u64, not u32"));
}

// ---- what is wrong in the tensors ----

GgufBytes one_tensor(std::vector<uint64_t> dims, uint32_t type, uint64_t offset, size_t data) {
  return GgufBytes().front(1, 0).tensor("w", std::move(dims), type, offset).pad().zeros(data);
}

TEST(GgufRefuses, TensorRecords) {
  EXPECT_THAT(refusal(one_tensor({1, 1, 1, 1, 1}, f32, 0, 32)), HasSubstr("tensor 'w' has 5 dimensions"));
  EXPECT_THAT(refusal(one_tensor({4, 0}, f32, 0, 32)), HasSubstr("tensor 'w' has a dimension of 0"));
  EXPECT_THAT(refusal(one_tensor({4}, 999, 0, 32)), HasSubstr("tensor 'w' has the unknown type 999"));
  EXPECT_THAT(refusal(GgufBytes().front(1, 0).tensor("", {4}, f32, 0).pad().zeros(32)),
              HasSubstr("has no name"));
  EXPECT_THAT(refusal(GgufBytes().front(1, 0).tensor(std::string(65, 'n'), {4}, f32, 0).pad().zeros(32)),
              HasSubstr("tensor 1 of 1 claims a length of 65"));
  EXPECT_THAT(
      refusal(GgufBytes().front(2, 0).tensor("w", {4}, f32, 0).tensor("w", {4}, f32, 32).pad().zeros(64)),
      HasSubstr("tensor 'w' occurs twice"));
}

TEST(GgufRefuses, TensorSizes) {
  EXPECT_THAT(refusal(one_tensor({(1ull << 42) + 1, 1ull << 22}, f32, 0, 32)), HasSubstr("63 bits"));
  EXPECT_THAT(refusal(one_tensor({1ull << 60}, f32, 0, 32)), HasSubstr("reach beyond the end"));
  EXPECT_THAT(refusal(one_tensor({9}, f32, 0, 35)),
              HasSubstr("its 36 bytes at offset 0 reach beyond the end"));
  EXPECT_THAT(refusal(one_tensor({4}, f32, ~0ull - 31, 32)), HasSubstr("reach beyond the end"));
  EXPECT_THAT(refusal(one_tensor({128}, i2_s, 0, 63)), HasSubstr("its 64 bytes"));
  EXPECT_THAT(refusal(one_tensor({100}, 14, 0, 999)), HasSubstr("not a whole number of Q6_K blocks"));
  EXPECT_THAT(refusal(one_tensor({128}, 39, 0, 999)), HasSubstr("type 39 are not all TL2 nor all MXFP4"));
}

TEST(GgufRefuses, TensorPlaces) {
  EXPECT_THAT(refusal(one_tensor({4}, f32, 16, 64)), HasSubstr("its offset 16 is not a multiple of 32"));
  const auto two = [](uint64_t a, uint64_t b) {
    return GgufBytes().front(2, 0).tensor("a", {9}, f32, a).tensor("b", {9}, f32, b).pad().zeros(256);
  };
  EXPECT_THAT(refusal(two(0, 32)), HasSubstr("tensors 'a' and 'b' overlap"));
  EXPECT_THAT(refusal(two(64, 32)), HasSubstr("tensors 'b' and 'a' overlap"));
  EXPECT_THAT(refusal(two(64, 64)), HasSubstr("overlap"));
  EXPECT_TRUE(parse_gguf(two(64, 0).file()));
}

TEST(GgufRefuses, EveryTruncation) {
  GgufBytes bytes;
  bytes.front(1, 2).key("a", 9).u32(8).u64(1).string("text").key("b", 6).number(1.0f);
  bytes.tensor("w", {8}, f32, 0).pad().zeros(32);
  const FileMapping file = bytes.file();
  const auto whole = file.bytes();
  ASSERT_TRUE(parse_gguf(file));
  for (size_t size = 0; size < whole.size(); ++size) {
    const FileMapping part("part", std::vector(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
    EXPECT_FALSE(parse_gguf(part)) << size;
  }
}

}  // namespace
}  // namespace tern::runtime
