// Writing GGUF files, version 3: the header at once, tensor data as they come.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// The types of metadata that Tern writes: values of its own, and those of a file that was read, which stay as
// they are there and must outlive this.
using GgufValue = std::variant<uint32_t, int32_t, float, bool, std::string, std::vector<std::string>,
                               std::vector<int32_t>, std::vector<float>, std::vector<bool>, MetadataValue>;

struct GgufTensorHeader {
  std::string name;  // at most 63 bytes
  TensorType type;
  std::vector<uint64_t> dims;  // fastest-varying first, at most 4
};

// All of a file but the data. Keys and names must be unique.
struct GgufHeader {
  std::vector<std::pair<std::string, GgufValue>> metadata;
  std::vector<GgufTensorHeader> tensors;
};

// Takes the next bytes of the tensor that is being written.
using ByteSink = std::function<Status(std::span<const std::byte>)>;
// Produces the data of header.tensors[index], all of it, in order, in pieces of any size.
using TensorSource = std::function<Status(size_t index, const ByteSink& sink)>;

// The bytes of a file before its data. Errors, with the path in `where`: a tensor whose size is not known.
Expected<std::vector<std::byte>> gguf_header_bytes(const std::string& path, const GgufHeader& header);

// Writes the file at `path`, completely or not at all. Tensors lie one after the other in the order of the
// header, each padded with zeros to 32 bytes. The memory needed is the header's; the source decides about the
// data. Errors: those of AtomicFile, the source's, and a tensor whose size is not known or differs
// from what the source produced.
Status write_gguf(const std::string& path, const GgufHeader& header, const TensorSource& source);

}  // namespace tern::runtime
