// A model as it can be written: keys, and tensors whose bytes are read when they are wanted. What a GGUF file
// holds and what is made of a Hugging Face folder have this one form, so that a conversion needs the memory
// of one tensor at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "base/file_mapping.h"
#include "runtime/gguf/gguf.h"
#include "runtime/gguf/gguf_write.h"

namespace tern::runtime {

// The bytes of a tensor: a view of a mapped file, or of `made`.
struct TensorBytes {
  TensorBytes() = default;
  explicit TensorBytes(std::span<const std::byte> view) : bytes(view) {}
  explicit TensorBytes(std::vector<std::byte> owned) : made(std::move(owned)), bytes(made) {}
  TensorBytes(TensorBytes&&) = default;
  TensorBytes& operator=(TensorBytes&&) = default;

  std::vector<std::byte> made;
  std::span<const std::byte> bytes;
};

struct SourceTensor {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<uint64_t> dims;  // fastest-varying first
  // All bytes, as a GGUF file holds them. May be called from several threads, of this tensor or of others.
  std::function<Expected<TensorBytes>()> read;
};

struct ModelSource {
  std::string path;
  std::vector<std::pair<std::string, GgufValue>> metadata;
  std::vector<SourceTensor> tensors;
  std::vector<FileMapping> files;  // what views of tensors and of metadata point into
};

// The keys and tensors of a file as a source.
ModelSource source_of(const GgufFile& file);

// Reads all tensors, by as many threads as there are processors. The result is what parse_gguf would make of
// a file with these keys and tensors, except that it has no such file: see GgufFile.
Expected<GgufFile> read_source(const ModelSource& source);

}  // namespace tern::runtime
