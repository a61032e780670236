// GGUF files by hand, right or wrong: bytes put together without the help of Tern's writer.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "base/file_mapping.h"

namespace tern::runtime {

class GgufBytes {
 public:
  template <class T>
  GgufBytes& number(T value) {
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof(value));
    return *this;
  }
  GgufBytes& u8(uint8_t value) { return number(value); }
  GgufBytes& u32(uint32_t value) { return number(value); }
  GgufBytes& u64(uint64_t value) { return number(value); }
  GgufBytes& raw(std::string_view text) {
    const auto* from = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), from, from + text.size());
    return *this;
  }
  GgufBytes& string(std::string_view text) { return u64(text.size()).raw(text); }

  // The front of a file.
  GgufBytes& front(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(tensors).u64(keys);
  }
  // A key and its type; the value comes after it.
  GgufBytes& key(std::string_view name, uint32_t type) { return string(name).u32(type); }
  GgufBytes& tensor(std::string_view name, std::vector<uint64_t> dims, uint32_t type, uint64_t offset) {
    string(name).u32(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) u64(dim);
    return u32(type).u64(offset);
  }
  GgufBytes& pad(size_t alignment = 32) {
    while (bytes_.size() % alignment != 0) bytes_.push_back(std::byte{0});
    return *this;
  }
  GgufBytes& zeros(size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }

  size_t size() const { return bytes_.size(); }
  FileMapping file() const { return FileMapping("a.gguf", bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace tern::runtime
