#include "runtime/gguf/gguf_write.h"

#include <fmt/format.h>

#include <bit>
#include <cassert>
#include <cstring>
#include <string_view>

#include "base/atomic_file.h"
#include "runtime/gguf/gguf.h"

namespace tern::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are written as they lie in memory");

constexpr uint64_t alignment = 32;

uint64_t padding_after(uint64_t bytes) {
  return (alignment - bytes % alignment) % alignment;
}

// The header's bytes.
class HeaderBytes {
 public:
  template <class T>
  void number(T value) {
    raw(std::as_bytes(std::span(&value, 1)));
  }
  void string(std::string_view text) {
    number(uint64_t{text.size()});
    raw(std::as_bytes(std::span(text)));
  }
  void value(const GgufValue& value) {
    std::visit([this](const auto& held) { typed(held); }, value);
  }
  void pad() { bytes_.resize(bytes_.size() + padding_after(bytes_.size())); }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void raw(std::span<const std::byte> from) {
    const size_t at = bytes_.size();
    bytes_.resize(at + from.size());
    if (!from.empty()) std::memcpy(bytes_.data() + at, from.data(), from.size());
  }
  void type(MetadataType type) { number(static_cast<uint32_t>(type)); }
  void typed(uint32_t value) { type(MetadataType::u32), number(value); }
  void typed(int32_t value) { type(MetadataType::i32), number(value); }
  void typed(float value) { type(MetadataType::f32), number(value); }
  void typed(bool value) { type(MetadataType::boolean), number(static_cast<uint8_t>(value)); }
  void typed(const std::string& value) { type(MetadataType::string), string(value); }
  void typed(const std::vector<std::string>& values) {
    array(MetadataType::string, values.size());
    for (const std::string& value : values) string(value);
  }
  void typed(const std::vector<int32_t>& values) {
    array(MetadataType::i32, values.size());
    for (const int32_t value : values) number(value);
  }
  void typed(const std::vector<float>& values) {
    array(MetadataType::f32, values.size());
    for (const float value : values) number(value);
  }
  void typed(const std::vector<bool>& values) {
    array(MetadataType::boolean, values.size());
    for (const bool value : values) bytes_.push_back(value ? std::byte{1} : std::byte{0});
  }
  void typed(const MetadataValue& value) {
    std::visit([this](const auto& held) { held_value(held); }, value);
  }
  template <class T>
  void held_value(T value) {
    type(type_of(MetadataValue(value)));
    number(value);
  }
  void held_value(bool value) { typed(value); }
  void held_value(std::string_view value) {
    type(MetadataType::string);
    string(value);
  }
  void held_value(const MetadataArray& value) {
    array(value.element, value.count);
    raw(value.bytes);
  }
  void array(MetadataType element, uint64_t count) {
    type(MetadataType::array);
    type(element);
    number(count);
  }

  std::vector<std::byte> bytes_;
};

Expected<std::vector<uint64_t>> tensor_sizes(const std::string& path, const GgufHeader& header) {
  std::vector<uint64_t> sizes;
  for (const GgufTensorHeader& tensor : header.tensors) {
    const auto size = tensor_bytes(tensor.type, tensor.dims);
    if (!size) return Error{fmt::format("tensor '{}': {}", tensor.name, size.error().message), {path}};
    sizes.push_back(*size);
  }
  return sizes;
}

std::vector<std::byte> header_bytes(const GgufHeader& header, const std::vector<uint64_t>& sizes) {
  constexpr uint32_t magic = 0x46554747, version = 3;
  HeaderBytes bytes;
  bytes.number(magic);
  bytes.number(version);
  bytes.number(uint64_t{header.tensors.size()});
  bytes.number(uint64_t{header.metadata.size()});
  for (const auto& [key, value] : header.metadata) {
    bytes.string(key);
    bytes.value(value);
  }
  uint64_t offset = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const GgufTensorHeader& tensor = header.tensors[i];
    assert(tensor.name.size() < 64 && tensor.dims.size() <= 4);
    bytes.string(tensor.name);
    bytes.number(static_cast<uint32_t>(tensor.dims.size()));
    for (const uint64_t dim : tensor.dims) bytes.number(dim);
    bytes.number(static_cast<uint32_t>(tensor.type));
    bytes.number(offset);
    offset += sizes[i] + padding_after(sizes[i]);
  }
  bytes.pad();
  return bytes.take();
}

}  // namespace

Expected<std::vector<std::byte>> gguf_header_bytes(const std::string& path, const GgufHeader& header) {
  TERN_ASSIGN(const auto sizes, tensor_sizes(path, header));
  return header_bytes(header, sizes);
}

Status write_gguf(const std::string& path, const GgufHeader& header, const TensorSource& source) {
  TERN_ASSIGN(const auto sizes, tensor_sizes(path, header));
  TERN_ASSIGN(auto file, AtomicFile::create(path));
  TERN_TRY(file.write(header_bytes(header, sizes)));

  constexpr std::byte zeros[alignment] = {};
  for (size_t i = 0; i < sizes.size(); ++i) {
    uint64_t written = 0;
    const Status produced = source(i, [&](std::span<const std::byte> bytes) -> Status {
      written += bytes.size();
      return file.write(bytes);
    });
    if (!produced) return produced;
    if (written != sizes[i]) {
      return Error{fmt::format("tensor '{}' was given {} bytes instead of {}", header.tensors[i].name,
                               written, sizes[i]),
                   {path}};
    }
    const Status padded = file.write(std::span(zeros).first(padding_after(sizes[i])));
    if (!padded) return padded;
  }
  return file.commit();
}

}  // namespace tern::runtime
