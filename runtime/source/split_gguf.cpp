#include "runtime/source/split_gguf.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>
#include <utility>

namespace tern::runtime {
namespace {

constexpr std::string_view number_key = "split.no", count_key = "split.count",
                           tensors_key = "split.tensors.count";
constexpr uint64_t max_parts = 99999;  // five digits

// "PREFIX-00001-of-00003.gguf" in its parts.
struct PartName {
  std::string prefix;
  uint64_t number, count;  // from 1

  std::string of(uint64_t other) const { return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, other, count); }
};

std::optional<PartName> parse_name(const std::string& path) {
  constexpr std::string_view pattern = "-00000-of-00000.gguf";
  if (path.size() < pattern.size()) return std::nullopt;
  const std::string_view tail = std::string_view(path).substr(path.size() - pattern.size());
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bool is_digit = tail[i] >= '0' && tail[i] <= '9';
    if (pattern[i] == '0' ? !is_digit : tail[i] != pattern[i]) return std::nullopt;
  }
  const auto number = [&](size_t at) {
    uint64_t value = 0;
    std::from_chars(tail.data() + at, tail.data() + at + 5, value);
    return value;
  };
  PartName name{path.substr(0, path.size() - pattern.size()), number(1), number(10)};
  if (name.number < 1 || name.number > name.count) return std::nullopt;
  return name;
}

Expected<GgufFile> open_part(const PartName& name, uint64_t number) {
  auto mapping = map_file(name.of(number));
  if (!mapping) {
    Error error = mapping.error();
    error.message = fmt::format("part {} of {} of this model is missing or cannot be read: {}", number,
                                name.count, error.message);
    return error;
  }
  return parse_gguf(mapping.take());
}

// The keys of a part against its name.
Status check_part(const GgufFile& part, const PartName& name, uint64_t number, uint64_t tensors) {
  TERN_ASSIGN(const uint64_t found, get_integer(part, number_key, 0, max_parts));
  TERN_ASSIGN(const uint64_t count, get_integer(part, count_key, 1, max_parts));
  TERN_ASSIGN(const uint64_t stated, get_integer(part, tensors_key, 0, 1u << 24));
  if (found + 1 != number || count != name.count) {
    return Error{fmt::format("its name says part {} of {}, its keys say part {} of {}", number, name.count,
                             found + 1, count),
                 {part.path()}};
  }
  if (stated != tensors)
    return Error{
        fmt::format("belongs to a model of {} tensors, and another part to one of {}", stated, tensors),
        {part.path()}};
  return {};
}

void keep_model_keys(GgufFile& file) {
  std::erase_if(file.metadata, [](const Metadatum& datum) { return datum.key.starts_with("split."); });
  file.key_index.clear();
  for (size_t i = 0; i < file.metadata.size(); ++i) file.key_index.emplace(file.metadata[i].key, i);
}

}  // namespace

bool is_split_part(const GgufFile& file) {
  const auto count = get_integer(file, count_key, 0, ~uint64_t{0});
  return count && *count > 1;
}

Expected<GgufFile> join_split_gguf(GgufFile part) {
  const std::optional<PartName> name = parse_name(part.path());
  if (!name) {
    return Error{
        "is one of several parts of a model, but its name does not end in -00001-of-00002.gguf or the "
        "like, so the others cannot be found",
        {part.path()}};
  }
  TERN_ASSIGN(const uint64_t tensors, get_integer(part, tensors_key, 0, 1u << 24));
  std::optional<GgufFile> whole;
  for (uint64_t number = 1; number <= name->count; ++number) {
    TERN_ASSIGN(GgufFile next, number == name->number ? Expected<GgufFile>(part) : open_part(*name, number));
    TERN_TRY(check_part(next, *name, number, tensors));
    if (!whole) {
      whole = std::move(next);
      keep_model_keys(*whole);
      continue;
    }
    whole->parts.push_back(next.file);
    for (const GgufTensor& tensor : next.tensors) {
      if (!whole->tensor_index.emplace(tensor.name, whole->tensors.size()).second)
        return Error{fmt::format("tensor {} is in two parts", quote(tensor.name)), {next.path()}};
      whole->tensors.push_back(tensor);
    }
  }
  if (whole->tensors.size() != tensors) {  // the model's loader knows which it needs
    whole->warnings.push_back(
        fmt::format("the parts hold {} tensors together, where each says that there are {}",
                    whole->tensors.size(), tensors));
  }
  return std::move(*whole);
}

}  // namespace tern::runtime
