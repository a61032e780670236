// safetensors, the container of Hugging Face's model files: a JSON header, then the bytes of all tensors. The
// format is described in the README of huggingface/safetensors. Nothing here knows what a model is.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/expected.h"
#include "base/file_mapping.h"

namespace tern::runtime {

// The types of elements that files of today have.
enum class SafetensorsType : uint8_t {
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  f64,
  i64,
  u64
};

struct SafetensorsTypeInfo {
  SafetensorsType type;
  std::string_view name;  // in files
  uint32_t bytes;
};
const SafetensorsTypeInfo& info(SafetensorsType type);

struct SafetensorsTensor {
  std::string name;
  SafetensorsType type;
  std::vector<uint64_t> shape;  // slowest-varying first, as PyTorch prints it; empty for a single number
  std::span<const std::byte> data;

  uint64_t elements() const;  // fits 63 bits
};

// One file, or the shards of a model. Views point into `files`.
struct Safetensors {
  std::vector<FileMapping> files;
  std::vector<SafetensorsTensor> tensors;              // of each file by name, which is the header's order
  std::unordered_map<std::string_view, size_t> index;  // by the tensors' names
  std::map<std::string, std::string> metadata;         // `__metadata__` of the first file

  const SafetensorsTensor* find(std::string_view name) const;  // null if there is none
};

// Reads one file. Checked before use: the header's length against the file, its JSON (no deep nesting, no
// key twice), the types, products of shapes against overflow, that each tensor has as many bytes as its shape
// takes, and that the tensors fill the file without overlaps and holes. Errors name the file and the tensor.
Expected<Safetensors> parse_safetensors(FileMapping file);

// Reads all shards that an index names (`model.safetensors.index.json`); they lie beside it. Errors: a shard
// is missing, and is named; a tensor is not where the index says, or is in two shards; those of
// parse_safetensors.
Expected<Safetensors> open_sharded_safetensors(const std::string& index_path);

}  // namespace tern::runtime
