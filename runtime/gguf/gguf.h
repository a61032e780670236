// GGUF, the container of ggml's model files, versions 2 and 3: typed metadata by key, then tensors by name.
// The format is described in ggml's docs/gguf.md. Nothing here knows what a model is.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/expected.h"
#include "base/file_mapping.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// The types of metadata, with GGUF's numbers.
enum class MetadataType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
std::string_view name_of(MetadataType type);

// An array that lies in the file: `count` elements, whose bytes have been checked to be there. Strings are
// each a u64 length and that many bytes. No arrays of arrays.
struct MetadataArray {
  MetadataType element;
  uint64_t count;
  std::span<const std::byte> bytes;
};

// The index of the alternative is the MetadataType.
using MetadataValue = std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool,
                                   std::string_view, MetadataArray, uint64_t, int64_t, double>;
inline MetadataType type_of(const MetadataValue& value) {
  return static_cast<MetadataType>(value.index());
}

struct Metadatum {
  std::string_view key;
  MetadataValue value;
};

struct GgufTensor {
  std::string_view name;
  TensorType type;
  uint32_t rank;                 // dimensions that the file lists, at most 4
  std::array<uint64_t, 4> dims;  // fastest-varying first; those not listed are 1, none is 0
  uint64_t offset;               // of the data, from the start of the file
  std::span<const std::byte> data;
};

// A file that has been checked from end to end; views point into `file` and `parts`. Both lists are in file
// order. What is made of a Hugging Face folder (runtime/source/) has this form too: `file` then holds the
// keys alone, as a GGUF file would, and offsets of tensors are 0.
struct GgufFile {
  FileMapping file;
  std::vector<FileMapping> parts;  // of a model in several files: the others, and what was made of them
  uint32_t version = 0;
  uint64_t alignment = 0;    // bytes; data offsets are multiples of it
  uint64_t data_offset = 0;  // where tensor data may begin
  std::vector<Metadatum> metadata;
  std::vector<GgufTensor> tensors;
  std::unordered_map<std::string_view, size_t> key_index, tensor_index;
  std::vector<std::string> warnings;  // oddities of the container, one sentence each

  const std::string& path() const { return file.path(); }
  // FileMapping::release of whichever of these holds `part`.
  void release(std::span<const std::byte> part) const;
  // Bytes of all files, and of what was made of them.
  uint64_t size() const;
  // Null if there is none.
  const MetadataValue* find(std::string_view key) const;
  const GgufTensor* find_tensor(std::string_view name) const;
};

// Reads the container. Every length, count, number and offset is checked before it is used, and no memory is
// set aside for what the file merely claims to hold; the file's values keep their meaning for others to
// check. Errors name the file and the byte, key or tensor.
Expected<GgufFile> parse_gguf(FileMapping file);

// The value of a key. Errors, naming the key: it is missing, has another type, or is out of range. Integers
// may have any integer type; floats are f32 or f64.
Expected<uint64_t> get_integer(const GgufFile& file, std::string_view key, uint64_t lowest, uint64_t highest);
Expected<double> get_number(const GgufFile& file, std::string_view key);
Expected<bool> get_boolean(const GgufFile& file, std::string_view key);
Expected<std::string_view> get_string(const GgufFile& file, std::string_view key);
Expected<std::vector<std::string_view>> get_strings(const GgufFile& file, std::string_view key);
Expected<std::vector<float>> get_floats(const GgufFile& file, std::string_view key);  // elements of f32
Expected<std::vector<int32_t>> get_integers(const GgufFile& file,
                                            std::string_view key);  // elements of i32 or u32

// A text of the file in quotes, for messages: control characters and what is not UTF-8 as \xNN, shortened if
// it is very long.
std::string quote(std::string_view text);

}  // namespace tern::runtime
