#include "runtime/source/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/model/model.h"
#include "runtime/model/synth.h"
#include "tests/runtime/source/small_folder.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& path) {
  const auto file = open_model_file(path);
  return file ? std::string() : file.error().text();
}

TEST(ModelFile, SaysWhatIsNoModel) {
  const TemporaryFolder folder;
  const auto said = [&](std::string_view text) {
    write_file(folder / "a.gguf", text);
    return refusal(folder / "a.gguf");
  };
  EXPECT_THAT(said("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), HasSubstr("git lfs pull"));
  EXPECT_THAT(said("\n<!DOCTYPE html><html>"), HasSubstr("is a web page"));
  EXPECT_THAT(said("PK\x03\x04rest"), HasSubstr("zip archive"));
  EXPECT_THAT(said("\x80\x02}q"), HasSubstr("pickled by PyTorch"));
  EXPECT_THAT(said("something else"), HasSubstr("is not a GGUF file"));
  EXPECT_THAT(refusal(folder.path().string()), HasSubstr("folder without a config.json"));
  write_file(folder / "config.json", small_config().dump());
  EXPECT_THAT(refusal(folder.path().string()), HasSubstr("no safetensors file"));
  write_file(folder / "pytorch_model.bin", "PK");
  EXPECT_THAT(refusal(folder.path().string()), HasSubstr("pickled by PyTorch only"));
  const TemporaryFolder other;
  write_file(other / "a.safetensors", small_tensors().bytes());
  EXPECT_THAT(refusal(other / "a.safetensors"), HasSubstr("without a config.json beside it"));
}

// A model in parts of which part `odd` is given another number by its keys; 0: none.
void write_parts(const TemporaryFolder& folder, const GgufFile& whole, uint32_t count, uint32_t odd = 0) {
  const size_t a_part = whole.tensors.size() / count;
  for (uint32_t part = 0; part < count; ++part) {
    GgufHeader header;
    if (part == 0) {
      for (const Metadatum& datum : whole.metadata) header.metadata.emplace_back(datum.key, datum.value);
    }
    header.metadata.emplace_back("split.no",
                                 MetadataValue(static_cast<uint16_t>(part + 1 == odd ? 7 : part)));
    header.metadata.emplace_back("split.count", MetadataValue(static_cast<uint16_t>(count)));
    header.metadata.emplace_back("split.tensors.count", static_cast<int32_t>(whole.tensors.size()));
    const size_t first = part * a_part, end = part + 1 == count ? whole.tensors.size() : first + a_part;
    for (size_t i = first; i < end; ++i) {
      const GgufTensor& tensor = whole.tensors[i];
      header.tensors.push_back(
          {std::string(tensor.name), tensor.type, {tensor.dims.begin(), tensor.dims.begin() + tensor.rank}});
    }
    const std::string path =
        folder / ("m-0000" + std::to_string(part + 1) + "-of-0000" + std::to_string(count) + ".gguf");
    ASSERT_TRUE(write_gguf(
        path, header, [&](size_t i, const ByteSink& sink) { return sink(whole.tensors[first + i].data); }));
  }
}

TEST(ModelFile, JoinsSplitFiles) {
  const TemporaryFolder folder;
  ASSERT_TRUE(synthesize_model(folder / "whole.gguf", *find_synth_shape("tiny"), {.seed = 3}));
  const auto whole = open_model_file(folder / "whole.gguf");
  ASSERT_TRUE(whole);
  write_parts(folder, *whole, 3);
  for (const char* part : {"m-00001-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    const auto joined = open_model_file(folder / part);
    ASSERT_TRUE(joined) << joined.error().text();
    ASSERT_EQ(joined->tensors.size(), whole->tensors.size());
    for (const GgufTensor& tensor : whole->tensors) {
      const GgufTensor* found = joined->find_tensor(tensor.name);
      ASSERT_TRUE(found);
      EXPECT_TRUE(std::ranges::equal(found->data, tensor.data));
    }
    EXPECT_EQ(joined->metadata.size(), whole->metadata.size());
    EXPECT_EQ(joined->find("split.no"), nullptr);
    EXPECT_TRUE(joined->warnings.empty());
    EXPECT_TRUE(load_model(folder / part));
  }

  write_parts(folder, *whole, 3, 2);
  EXPECT_THAT(refusal(folder / "m-00001-of-00003.gguf"),
              HasSubstr("its name says part 2 of 3, its keys say part 8"));
  std::filesystem::remove(folder / "m-00002-of-00003.gguf");
  EXPECT_THAT(refusal(folder / "m-00003-of-00003.gguf"), HasSubstr("m-00002-of-00003.gguf: part 2 of 3"));
  std::filesystem::rename(folder / "m-00001-of-00003.gguf", folder / "m.gguf");
  EXPECT_THAT(refusal(folder / "m.gguf"), HasSubstr("its name does not end in"));
}

}  // namespace
}  // namespace tern::runtime
