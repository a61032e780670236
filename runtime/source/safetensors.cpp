#include "runtime/source/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/gguf/gguf.h"
#include "runtime/source/foreign_file.h"
#include "runtime/text/strict_json.h"

namespace tern::runtime {
namespace {

using nlohmann::json;

constexpr uint64_t max_header = 100'000'000;  // the limit of the format's own library
constexpr size_t max_depth = 8;               // a header's lists of numbers lie 3 deep
constexpr size_t max_rank = 8;
constexpr uint64_t largest = std::numeric_limits<int64_t>::max();

// In the order of SafetensorsType.
constexpr SafetensorsTypeInfo types[] = {
    {SafetensorsType::boolean, "BOOL", 1},    {SafetensorsType::u8, "U8", 1},
    {SafetensorsType::i8, "I8", 1},           {SafetensorsType::f8_e5m2, "F8_E5M2", 1},
    {SafetensorsType::f8_e4m3, "F8_E4M3", 1}, {SafetensorsType::i16, "I16", 2},
    {SafetensorsType::u16, "U16", 2},         {SafetensorsType::f16, "F16", 2},
    {SafetensorsType::bf16, "BF16", 2},       {SafetensorsType::i32, "I32", 4},
    {SafetensorsType::u32, "U32", 4},         {SafetensorsType::f32, "F32", 4},
    {SafetensorsType::f64, "F64", 8},         {SafetensorsType::i64, "I64", 8},
    {SafetensorsType::u64, "U64", 8},
};

const SafetensorsTypeInfo* find_type(std::string_view name) {
  for (const SafetensorsTypeInfo& row : types) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Parser {
 public:
  explicit Parser(FileMapping file) : path_(file.path()), bytes_(file.bytes()) {
    result_.files.push_back(std::move(file));
  }

  Expected<Safetensors> run() {
    TERN_TRY(read_header());
    for (const auto& [name, entry] : header_.items()) {
      if (name == "__metadata__") {
        TERN_TRY(read_metadata(entry));
      } else {
        TERN_TRY(read_tensor(name, entry));
      }
    }
    TERN_TRY(forbid_holes());
    for (size_t i = 0; i < result_.tensors.size(); ++i) result_.index.emplace(result_.tensors[i].name, i);
    return std::move(result_);
  }

 private:
  Error fault(std::string message) const { return Error{std::move(message), {path_}}; }
  Error tensor_fault(std::string_view name, std::string_view message) const {
    return fault(fmt::format("tensor {}: {}", quote(name), message));
  }

  Status read_header();
  Status read_metadata(const json& entry);
  Status read_tensor(const std::string& name, const json& entry);
  Status forbid_holes() const;

  std::string path_;
  std::span<const std::byte> bytes_, data_;
  json header_;
  Safetensors result_;
};

Status Parser::read_header() {
  if (const auto foreign = foreign_file_fault(bytes_)) return fault(*foreign);
  uint64_t length = 0;
  if (bytes_.size() < sizeof(length) + 2) {
    return fault(fmt::format("is no safetensors file: it has only {} bytes", bytes_.size()));
  }
  std::memcpy(&length, bytes_.data(), sizeof(length));
  const auto rest = bytes_.subspan(sizeof(length));
  if (length > rest.size()) {
    return fault(fmt::format("is cut off or no safetensors file: its header claims {} bytes, and {} follow",
                             length, rest.size()));
  }
  if (length > max_header) {
    return fault(fmt::format("its header claims {} bytes, above the limit of {}", length, max_header));
  }
  const std::string_view text = text_of(rest.first(length));
  if (!text.starts_with('{')) return fault("is no safetensors file: its header does not begin with '{'");
  data_ = rest.subspan(length);
  auto parsed = parse_json(text, path_, {.depth = max_depth});
  if (!parsed) return fault(fmt::format("its header {}", parsed.error().message));
  header_ = parsed.take();
  return {};
}

Status Parser::read_metadata(const json& entry) {
  if (!entry.is_object()) return fault("its __metadata__ is no object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) return fault(fmt::format("__metadata__: {} is no text", quote(key)));
    result_.metadata.emplace(key, value.get<std::string>());
  }
  return {};
}

Status Parser::read_tensor(const std::string& name, const json& entry) {
  const auto bad = [&](std::string_view message) { return tensor_fault(name, message); };
  if (!entry.is_object()) return bad("its entry in the header is no object");
  for (const auto& [key, value] : entry.items()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      return bad(fmt::format("its entry in the header has the unknown key {}", quote(key)));
  }
  const auto dtype = entry.find("dtype"), shape = entry.find("shape"), offsets = entry.find("data_offsets");
  if (dtype == entry.end() || !dtype->is_string()) return bad("has no dtype");
  const SafetensorsTypeInfo* type = find_type(dtype->get_ref<const std::string&>());
  if (!type) return bad(fmt::format("has the unknown type {}", quote(dtype->get_ref<const std::string&>())));

  SafetensorsTensor tensor{.name = name, .type = type->type, .shape = {}, .data = {}};
  uint64_t bytes = type->bytes;
  if (shape == entry.end() || !shape->is_array()) return bad("has no shape");
  if (shape->size() > max_rank) return bad(fmt::format("has {} dimensions", shape->size()));
  for (const json& dim : *shape) {
    if (!dim.is_number_unsigned()) return bad("a dimension is no non-negative integer");
    tensor.shape.push_back(dim.get<uint64_t>());
  }
  // A dimension of 0 must not hide an overflow of the others.
  for (const uint64_t dim : tensor.shape) {
    if (__builtin_mul_overflow(bytes, std::max<uint64_t>(dim, 1), &bytes) || bytes > largest) {
      return bad("the product of its dimensions does not fit 63 bits");
    }
  }
  if (std::ranges::count(tensor.shape, 0u) > 0) bytes = 0;

  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 ||
      !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned()) {
    return bad("has no data_offsets of two non-negative integers");
  }
  const auto begin = (*offsets)[0].get<uint64_t>(), end = (*offsets)[1].get<uint64_t>();
  if (begin > end || end > data_.size()) {
    return bad(fmt::format("its data from byte {} to {} do not lie within the {} bytes behind the header",
                           begin, end, data_.size()));
  }
  if (end - begin != bytes) {
    return bad(fmt::format("has {} bytes of data where its shape takes {}", end - begin, bytes));
  }
  tensor.data = data_.subspan(begin, bytes);
  result_.tensors.push_back(std::move(tensor));
  return {};
}

Status Parser::forbid_holes() const {
  std::vector<const SafetensorsTensor*> by_place;
  for (const SafetensorsTensor& tensor : result_.tensors) by_place.push_back(&tensor);
  const auto begin = [&](const SafetensorsTensor* tensor) { return tensor->data.data() - data_.data(); };
  std::sort(by_place.begin(), by_place.end(), [&](const SafetensorsTensor* a, const SafetensorsTensor* b) {
    return std::pair(begin(a), a->data.size()) < std::pair(begin(b), b->data.size());
  });
  uint64_t at = 0;
  for (const SafetensorsTensor* tensor : by_place) {
    const auto start = static_cast<uint64_t>(begin(tensor));
    if (start < at) return tensor_fault(tensor->name, "its data overlap those of another tensor");
    if (start > at)
      return tensor_fault(tensor->name, fmt::format("{} bytes before its data are nobody's", start - at));
    at += tensor->data.size();
  }
  if (at != data_.size())
    return fault(fmt::format("{} bytes at its end belong to no tensor", data_.size() - at));
  return {};
}

// The files of an index by name, and the tensors that it says are in each.
Expected<std::map<std::string, std::vector<std::string>>> read_index(const std::string& path) {
  TERN_ASSIGN(const FileMapping file, map_file(path));
  if (const auto foreign = foreign_file_fault(file.bytes())) return Error{*foreign, {path}};
  if (file.bytes().size() > max_header)
    return Error{fmt::format("has {} bytes, above the limit of {}", file.bytes().size(), max_header), {path}};
  TERN_ASSIGN(const json index, parse_json(text_of(file.bytes()), path, {.depth = max_depth}));
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    return Error{"has no weight_map that says which file holds which tensor", {path}};
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    if (!shard.is_string())
      return Error{fmt::format("tensor {}: its file is no text", quote(tensor)), {path}};
    const auto& name = shard.get_ref<const std::string&>();
    if (name.empty() || name.find('/') != name.npos || name.find('\0') != name.npos)
      return Error{
          fmt::format("tensor {}: its file {} is not one beside the index", quote(tensor), quote(name)),
          {path}};
    shards[name].push_back(tensor);
  }
  if (shards.empty()) return Error{"names no files", {path}};
  return shards;
}

}  // namespace

const SafetensorsTypeInfo& info(SafetensorsType type) {
  const SafetensorsTypeInfo& found = types[static_cast<size_t>(type)];
  assert(found.type == type);
  return found;
}

uint64_t SafetensorsTensor::elements() const {
  return data.size() / info(type).bytes;
}

const SafetensorsTensor* Safetensors::find(std::string_view name) const {
  const auto found = index.find(name);
  return found == index.end() ? nullptr : &tensors[found->second];
}

Expected<Safetensors> parse_safetensors(FileMapping file) {
  return Parser(std::move(file)).run();
}

Expected<Safetensors> open_sharded_safetensors(const std::string& index_path) {
  TERN_ASSIGN(const auto shards, read_index(index_path));
  const std::filesystem::path folder = std::filesystem::path(index_path).parent_path();
  Safetensors all;
  for (const auto& [name, tensors] : shards) {
    TERN_ASSIGN(FileMapping file, map_file((folder / name).string()));
    TERN_ASSIGN(Safetensors shard, parse_safetensors(std::move(file)));
    for (const std::string& tensor : tensors) {
      if (!shard.find(tensor))
        return Error{fmt::format("says that {} holds the tensor {}, which it does not", name, quote(tensor)),
                     {index_path}};
    }
    if (all.files.empty()) all.metadata = std::move(shard.metadata);
    all.files.push_back(std::move(shard.files.front()));
    for (SafetensorsTensor& tensor : shard.tensors) all.tensors.push_back(std::move(tensor));
  }
  for (size_t i = 0; i < all.tensors.size(); ++i) {
    if (!all.index.emplace(all.tensors[i].name, i).second)
      return Error{fmt::format("tensor {} is in two files", quote(all.tensors[i].name)), {index_path}};
  }
  return all;
}

}  // namespace tern::runtime
