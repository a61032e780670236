#include "runtime/source/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/counter_random.h"
#include "tests/runtime/source/small_folder.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

// One tensor "a" of 2 x 3 bytes.
SafetensorsBytes one() {
  SafetensorsBytes file;
  file.add("a", "U8", {2, 3}, std::vector<std::byte>(6, std::byte{7}));
  return file;
}

std::string refusal(std::vector<std::byte> bytes) {
  const auto file = parse_safetensors(FileMapping("a.safetensors", std::move(bytes)));
  if (file) return "";
  EXPECT_EQ(file.error().where.file, "a.safetensors");
  return file.error().message;
}
std::string refusal(const SafetensorsBytes& file) {
  return refusal(file.bytes());
}
// What is said of a header; the data are six bytes.
std::string refusal_of(const std::string& header) {
  return refusal(one().with_header(header));
}
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

TEST(Safetensors, ReadsTensorsInPlace) {
  SafetensorsBytes made = one();
  made.header["__metadata__"] = {{"format", "pt"}};
  made.add("number", "F32", {}, std::vector<std::byte>(4));
  made.add("nothing", "F16", {0, 5}, {});
  const FileMapping mapping("a", made.bytes());
  const auto file = parse_safetensors(mapping);
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(file->metadata.at("format"), "pt");
  ASSERT_TRUE(file->find("a") && file->find("number") && file->find("nothing"));
  EXPECT_EQ(file->find("b"), nullptr);
  const SafetensorsTensor& a = *file->find("a");
  EXPECT_EQ(a.shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(a.elements(), 6u);
  EXPECT_EQ(a.data.data(), mapping.bytes().data() + mapping.bytes().size() - 10);  // no copy
  EXPECT_EQ(file->find("number")->elements(), 1u);
  EXPECT_EQ(file->find("nothing")->elements(), 0u);
}

TEST(Safetensors, RefusesBadHeaders) {
  EXPECT_THAT(refusal(std::vector<std::byte>(5)), HasSubstr("only 5 bytes"));
  EXPECT_THAT(refusal(std::vector<std::byte>(20, std::byte{0xff})),
              HasSubstr("claims 18446744073709551615 bytes"));
  EXPECT_THAT(refusal_of("[]"), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(refusal_of("{"), HasSubstr("is no JSON"));
  EXPECT_THAT(refusal_of(R"({"a":1,"a":1})"), HasSubstr("the key 'a' occurs twice"));
  EXPECT_THAT(refusal_of(R"({"a":)" + std::string(9, '[') + std::string(9, ']') + "}"), HasSubstr("nested"));
  EXPECT_THAT(refusal_of(R"({"__metadata__":[]})"), HasSubstr("__metadata__ is no object"));
  EXPECT_THAT(refusal_of(R"({"__metadata__":{"x":1}})"), HasSubstr("'x' is no text"));
  EXPECT_THAT(refusal(to_bytes("version https://git-lfs.github.com/spec/v1\n")), HasSubstr("Git LFS"));
}

TEST(Safetensors, RefusesBadTensors) {
  EXPECT_EQ(refusal_of(entry(R"("U8")", "[2,3]", "[0,6]")), "");
  EXPECT_THAT(refusal_of(R"({"a":1})"), HasSubstr("no object"));
  EXPECT_THAT(refusal_of(R"({"a":{"type":1}})"), HasSubstr("unknown key 'type'"));
  EXPECT_THAT(refusal_of(entry("1", "[6]", "[0,6]")), HasSubstr("has no dtype"));
  EXPECT_THAT(refusal_of(entry(R"("U9")", "[6]", "[0,6]")), HasSubstr("unknown type 'U9'"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "6", "[0,6]")), HasSubstr("has no shape"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[-6]", "[0,6]")), HasSubstr("no non-negative integer"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[6.0]", "[0,6]")), HasSubstr("no non-negative integer"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[1,1,1,1,1,1,1,1,6]", "[0,6]")), HasSubstr("has 9 dimensions"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[4294967296,4294967296]", "[0,6]")), HasSubstr("63 bits"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[0,4294967296,4294967296]", "[0,0]")), HasSubstr("63 bits"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[6]", "[0]")), HasSubstr("data_offsets"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[6]", "[-1,5]")), HasSubstr("data_offsets"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[6]", "[6,0]")), HasSubstr("do not lie within"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[7]", "[0,7]")), HasSubstr("do not lie within"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[5]", "[0,6]")),
              HasSubstr("6 bytes of data where its shape takes 5"));
  EXPECT_THAT(refusal_of(entry(R"("F16")", "[6]", "[0,6]")), HasSubstr("takes 12"));
}

TEST(Safetensors, RefusesOverlapsAndHoles) {
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[5]", "[1,6]")), HasSubstr("1 bytes before its data"));
  EXPECT_THAT(refusal_of(entry(R"("U8")", "[5]", "[0,5]")), HasSubstr("1 bytes at its end"));
  EXPECT_THAT(refusal_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                         R"("b":{"dtype":"U8","shape":[3],"data_offsets":[3,6]}})"),
              HasSubstr("overlap"));
  SafetensorsBytes more = one();
  more.trailing(1);
  EXPECT_THAT(refusal(more), HasSubstr("1 bytes at its end"));
}

TEST(Safetensors, JoinsShards) {
  const TemporaryFolder folder;
  SafetensorsBytes a = one(), b;
  b.add("b", "I8", {1}, {std::byte{1}});
  write_file(folder / "1.safetensors", a.bytes());
  write_file(folder / "2.safetensors", b.bytes());
  const std::string index = folder / "model.safetensors.index.json";
  const auto refused = [&](const std::string& text) {
    write_file(index, text);
    const auto file = open_sharded_safetensors(index);
    return file ? std::string() : file.error().text();
  };
  EXPECT_EQ(refused(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})"), "");
  const auto file = open_sharded_safetensors(index);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->find("a") && file->find("b"));
  EXPECT_EQ(file->files.size(), 2u);

  EXPECT_THAT(refused(R"({})"), HasSubstr("has no weight_map"));
  EXPECT_THAT(refused(R"({"weight_map":{}})"), HasSubstr("names no files"));
  EXPECT_THAT(refused(R"({"weight_map":{"a":"3.safetensors"}})"), HasSubstr("3.safetensors: cannot open"));
  EXPECT_THAT(refused(R"({"weight_map":{"a":"2.safetensors"}})"),
              HasSubstr("holds the tensor 'a', which it does not"));
  EXPECT_THAT(refused(R"({"weight_map":{"a":"../1.safetensors"}})"),
              HasSubstr("is not one beside the index"));
  EXPECT_THAT(refused(R"({"weight_map":{"a":1}})"), HasSubstr("is no text"));
  write_file(folder / "2.safetensors", a.bytes());
  EXPECT_THAT(refused(R"({"weight_map":{"a":"1.safetensors"}})"), "");
  EXPECT_THAT(refused(R"({"weight_map":{"a":"1.safetensors","a":"2.safetensors"}})"),
              HasSubstr("occurs twice"));
}

}  // namespace
}  // namespace tern::runtime
