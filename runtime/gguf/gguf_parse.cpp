// The reader of GGUF's bytes. A file is hostile until shown otherwise: each step checks what it reads against
// what is left of the file before it uses it.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "runtime/gguf/gguf.h"
#include "runtime/gguf/type_39.h"
#include "runtime/gguf/type_42.h"

namespace tern::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are read in place: little-endian only");

constexpr uint32_t magic = 0x46554747;  // "GGUF"
constexpr uint64_t default_alignment = 32;
constexpr uint64_t min_alignment = 8, max_alignment = uint64_t{1} << 20;
// The smallest records: a key of no bytes with a value of one; a tensor without a name or dimensions.
constexpr uint64_t min_metadatum_bytes = 8 + 4 + 1, min_tensor_bytes = 8 + 4 + 4 + 8;
// Far above what models have (about 50 keys, a few thousand tensors); they bound the memory of the lists.
constexpr uint64_t max_metadata = 65536, max_tensors = 65536;
constexpr uint64_t max_string = uint64_t{1} << 30, max_array = uint64_t{1} << 30;  // as in ggml
constexpr uint64_t max_key = 65535, max_tensor_name = 64;
constexpr uint32_t max_dimensions = 4;

uint64_t round_up(uint64_t value, uint64_t power_of_two) {
  return (value + power_of_two - 1) & ~(power_of_two - 1);
}

// Bytes of one element; for a string, the least that it can take.
uint64_t min_bytes(MetadataType type) {
  switch (type) {
    case MetadataType::u8:
    case MetadataType::i8:
    case MetadataType::boolean: return 1;
    case MetadataType::u16:
    case MetadataType::i16: return 2;
    case MetadataType::u32:
    case MetadataType::i32:
    case MetadataType::f32: return 4;
    case MetadataType::string:
    case MetadataType::u64:
    case MetadataType::i64:
    case MetadataType::f64: return 8;
    case MetadataType::array: return 12;
  }
  return 1;
}

// Reads from front to back. Every step returns false after the first fault, which error_ then holds.
class Parser {
 public:
  explicit Parser(FileMapping file) : bytes_(file.bytes()), result_{.file = std::move(file)} {}

  Expected<GgufFile> run() {
    if (read_header() && read_metadata() && find_alignment() && read_tensor_infos() && locate_tensors()) {
      return std::move(result_);
    }
    return Error{error_, {result_.path()}};
  }

 private:
  bool fail(std::string message) {
    error_ = std::move(message);
    return false;
  }
  bool fail_at(size_t byte, std::string_view what, std::string_view message) {
    return fail(fmt::format("at byte {}: {} {}", byte, what, message));
  }
  size_t remaining() const { return bytes_.size() - at_; }

  template <class T>
  bool read(T& value, std::string_view what) {
    if (remaining() < sizeof(T))
      return fail(fmt::format("the file ends at byte {} inside {}", bytes_.size(), what));
    std::memcpy(&value, &bytes_[at_], sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  bool read_string(std::string_view& value, uint64_t longest, std::string_view what) {
    const size_t start = at_;
    uint64_t length = 0;
    if (!read(length, what)) return false;
    if (length > longest || length > remaining()) {
      return fail_at(start, what, fmt::format("claims a length of {} bytes", length));
    }
    value = {reinterpret_cast<const char*>(bytes_.data()) + at_, length};
    at_ += length;
    return true;
  }

  bool read_header();
  bool read_count(uint64_t& count, uint64_t min_record_bytes, uint64_t max, std::string_view what);
  bool read_metadata();
  bool read_value(uint32_t type, MetadataValue& value, std::string_view what);
  template <class T>
  bool read_number(MetadataValue& value, std::string_view what);
  bool read_boolean(MetadataValue& value, std::string_view what);
  bool read_array(MetadataArray& array, std::string_view what);
  bool find_alignment();
  bool read_tensor_infos();
  bool read_tensor_info(GgufTensor& tensor);
  bool locate_tensors();
  using MeaningOfNumber = Expected<TensorType> (*)(std::span<const GgufTensor> tensors, uint64_t alignment,
                                                   uint64_t data_size);
  bool resolve_shared_number(TensorType type, MeaningOfNumber meaning_of);
  bool forbid_overlap();

  std::span<const std::byte> bytes_;
  GgufFile result_;
  uint64_t tensor_count_ = 0, metadata_count_ = 0;
  size_t at_ = 0;
  std::string error_;
};

bool Parser::read_header() {
  uint32_t word = 0;
  if (!read(word, "the magic number")) return false;
  if (word != magic) return fail("is not a GGUF file: it does not begin with \"GGUF\"");
  if (!read(result_.version, "the version")) return false;
  if (result_.version != 0 && (result_.version & 0xffffu) == 0) {
    return fail("is a big-endian GGUF file; only little-endian ones can be read");
  }
  if (result_.version != 2 && result_.version != 3) {
    return fail(fmt::format("has GGUF version {}; versions 2 and 3 can be read", result_.version));
  }
  return read_count(tensor_count_, min_tensor_bytes, max_tensors, "the number of tensors") &&
         read_count(metadata_count_, min_metadatum_bytes, max_metadata, "the number of keys");
}

bool Parser::read_count(uint64_t& count, uint64_t min_record_bytes, uint64_t max, std::string_view what) {
  const size_t start = at_;
  if (!read(count, what)) return false;
  if (count > remaining() / min_record_bytes) {
    return fail_at(start, what, fmt::format("is {}, more than the file can hold", count));
  }
  if (count > max) return fail_at(start, what, fmt::format("is {}, more than the limit of {}", count, max));
  return true;
}

bool Parser::read_metadata() {
  result_.metadata.reserve(metadata_count_);
  for (uint64_t i = 0; i < metadata_count_; ++i) {
    const size_t start = at_;
    Metadatum datum;
    if (!read_string(datum.key, max_key, fmt::format("key {} of {}", i + 1, metadata_count_))) return false;
    const std::string what = "key " + quote(datum.key);
    if (datum.key.empty()) return fail_at(start, what, "is empty");
    if (!result_.key_index.emplace(datum.key, i).second) return fail_at(start, what, "occurs twice");
    uint32_t type = 0;
    if (!read(type, what) || !read_value(type, datum.value, what)) return false;
    result_.metadata.push_back(datum);
  }
  return true;
}

template <class T>
bool Parser::read_number(MetadataValue& value, std::string_view what) {
  return read(value.emplace<T>(), what);
}

bool Parser::read_boolean(MetadataValue& value, std::string_view what) {
  const size_t start = at_;
  uint8_t byte = 0;
  if (!read(byte, what)) return false;
  if (byte > 1) return fail_at(start, what, fmt::format("is a bool with the value {}", byte));
  value = byte == 1;
  return true;
}

bool Parser::read_value(uint32_t type, MetadataValue& value, std::string_view what) {
  if (type > static_cast<uint32_t>(MetadataType::f64)) {
    return fail_at(at_ - sizeof(type), what, fmt::format("has the unknown type {}", type));
  }
  switch (static_cast<MetadataType>(type)) {
    case MetadataType::u8: return read_number<uint8_t>(value, what);
    case MetadataType::i8: return read_number<int8_t>(value, what);
    case MetadataType::u16: return read_number<uint16_t>(value, what);
    case MetadataType::i16: return read_number<int16_t>(value, what);
    case MetadataType::u32: return read_number<uint32_t>(value, what);
    case MetadataType::i32: return read_number<int32_t>(value, what);
    case MetadataType::f32: return read_number<float>(value, what);
    case MetadataType::boolean: return read_boolean(value, what);
    case MetadataType::string: return read_string(value.emplace<std::string_view>(), max_string, what);
    case MetadataType::array: return read_array(value.emplace<MetadataArray>(), what);
    case MetadataType::u64: return read_number<uint64_t>(value, what);
    case MetadataType::i64: return read_number<int64_t>(value, what);
    case MetadataType::f64: return read_number<double>(value, what);
  }
  return false;
}

bool Parser::read_array(MetadataArray& array, std::string_view what) {
  const size_t start = at_;
  uint32_t element = 0;
  if (!read(element, what) || !read(array.count, what)) return false;
  if (element > static_cast<uint32_t>(MetadataType::f64)) {
    return fail_at(start, what, fmt::format("is an array of the unknown type {}", element));
  }
  array.element = static_cast<MetadataType>(element);
  if (array.element == MetadataType::array)
    return fail_at(start, what, "is an array of arrays, which is not supported");
  const uint64_t size = min_bytes(array.element);
  if (array.count > max_array || array.count > remaining() / size) {
    return fail_at(start, what, fmt::format("claims {} elements, more than the file can hold", array.count));
  }
  const size_t first = at_;
  if (array.element == MetadataType::string) {
    std::string_view ignored;
    for (uint64_t i = 0; i < array.count; ++i) {
      if (!read_string(ignored, max_string, what)) return false;
    }
  } else {
    at_ += array.count * size;
  }
  array.bytes = bytes_.subspan(first, at_ - first);
  return true;
}

bool Parser::find_alignment() {
  constexpr std::string_view key = "general.alignment";
  result_.alignment = default_alignment;
  const MetadataValue* value = result_.find(key);
  if (!value) return true;
  const uint32_t* alignment = std::get_if<uint32_t>(value);
  if (!alignment) return fail(fmt::format("key '{}' is of type {}, not u32", key, name_of(type_of(*value))));
  if (!std::has_single_bit(*alignment) || *alignment < min_alignment || *alignment > max_alignment) {
    return fail(fmt::format("key '{}' is {}, not a power of two from {} to {}", key, *alignment,
                            min_alignment, max_alignment));
  }
  result_.alignment = *alignment;
  return true;
}

bool Parser::read_tensor_infos() {
  result_.tensors.reserve(tensor_count_);
  for (uint64_t i = 0; i < tensor_count_; ++i) {
    const size_t start = at_;
    GgufTensor tensor{};
    if (!read_string(tensor.name, max_tensor_name, fmt::format("tensor {} of {}", i + 1, tensor_count_))) {
      return false;
    }
    const std::string what = "tensor " + quote(tensor.name);
    if (tensor.name.empty()) return fail_at(start, what, "has no name");
    if (!result_.tensor_index.emplace(tensor.name, i).second) return fail_at(start, what, "occurs twice");
    if (!read_tensor_info(tensor)) return false;
    result_.tensors.push_back(tensor);
  }
  return true;
}

// The record behind the name. The offset is still relative to the data.
bool Parser::read_tensor_info(GgufTensor& tensor) {
  const std::string what = "tensor " + quote(tensor.name);
  const size_t start = at_;
  if (!read(tensor.rank, what)) return false;
  if (tensor.rank > max_dimensions)
    return fail_at(start, what, fmt::format("has {} dimensions", tensor.rank));
  tensor.dims.fill(1);
  for (uint32_t d = 0; d < tensor.rank; ++d) {
    if (!read(tensor.dims[d], what)) return false;
    if (tensor.dims[d] == 0) return fail_at(at_ - 8, what, "has a dimension of 0");
  }
  uint32_t type = 0;
  if (!read(type, what)) return false;
  const TensorTypeInfo* known = find_tensor_type(type);
  if (!known) return fail_at(at_ - 4, what, fmt::format("has the unknown type {}", type));
  tensor.type = known->type;
  return read(tensor.offset, what);
}

bool Parser::locate_tensors() {
  if (result_.tensors.empty()) {
    result_.data_offset = at_;
    return true;
  }
  result_.data_offset = round_up(at_, result_.alignment);  // cannot wrap: at_ is within a mapping
  if (!resolve_shared_number(TensorType::q2_0, meaning_of_type_42) ||
      !resolve_shared_number(TensorType::tl2, meaning_of_type_39))
    return false;
  for (GgufTensor& tensor : result_.tensors) {
    const auto bad = [&](std::string_view message) {
      return fail(fmt::format("tensor {}: {}", quote(tensor.name), message));
    };
    const Expected<uint64_t> size = tensor_bytes(tensor.type, tensor.dims);
    if (!size) return bad(size.error().message);
    if (tensor.offset % result_.alignment != 0) {
      return bad(fmt::format("its offset {} is not a multiple of {}", tensor.offset, result_.alignment));
    }
    const uint64_t room = bytes_.size() < result_.data_offset ? 0 : bytes_.size() - result_.data_offset;
    if (tensor.offset > room || *size > room - tensor.offset) {
      return bad(fmt::format(
          "its {} bytes at offset {} reach beyond the end of the file (the data begin at byte {} of {})",
          *size, tensor.offset, result_.data_offset, bytes_.size()));
    }
    tensor.offset += result_.data_offset;
    tensor.data = bytes_.subspan(tensor.offset, *size);
  }
  return forbid_overlap();
}

bool Parser::resolve_shared_number(TensorType type, MeaningOfNumber meaning_of) {
  const auto has_it = [type](const GgufTensor& tensor) { return tensor.type == type; };
  if (std::ranges::none_of(result_.tensors, has_it)) return true;
  const uint64_t room = bytes_.size() < result_.data_offset ? 0 : bytes_.size() - result_.data_offset;
  const auto meaning = meaning_of(result_.tensors, result_.alignment, room);
  if (!meaning) return fail(meaning.error().message);
  for (GgufTensor& tensor : result_.tensors) {
    if (has_it(tensor)) tensor.type = *meaning;
  }
  return true;
}

bool Parser::forbid_overlap() {
  std::vector<const GgufTensor*> by_offset;
  by_offset.reserve(result_.tensors.size());
  for (const GgufTensor& tensor : result_.tensors) by_offset.push_back(&tensor);
  std::sort(by_offset.begin(), by_offset.end(),
            [](const GgufTensor* a, const GgufTensor* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < by_offset.size(); ++i) {
    const GgufTensor &before = *by_offset[i - 1], &after = *by_offset[i];
    if (before.offset + before.data.size() > after.offset) {
      return fail(fmt::format("tensors {} and {} overlap at byte {}", quote(before.name), quote(after.name),
                              after.offset));
    }
  }
  return true;
}

}  // namespace

Expected<GgufFile> parse_gguf(FileMapping file) {
  return Parser(std::move(file)).run();
}

}  // namespace tern::runtime
