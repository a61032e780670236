// Internal to autotune/: reading the YAML of documents. For files whose name ends in _yaml.cpp.
#pragma once

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "autotune/records/documents.h"
#include "base/decimal.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"

namespace tern::autotune {

// A document's YAML, and the texts of its kernels, which stand in it as numbers: they are most of it, and
// yaml-cpp reads some 5 MB a second.
struct Shortened {
  std::string yaml;
  std::vector<std::string> kernels;
};

inline Shortened take_kernels(std::string_view body) {
  constexpr std::string_view block = "kernel: |\n";
  Shortened result;
  size_t indent = 0;  // of the lines of the block that is being taken; 0: none is
  while (!body.empty()) {
    const std::string_view line = body.substr(0, std::min(body.find('\n'), body.size() - 1) + 1);
    body.remove_prefix(line.size());
    if (indent > 0 && line.find_first_not_of(' ') >= indent) {
      result.kernels.back() += line.substr(indent);
      result.yaml += '\n';  // so that lines keep their numbers
    } else if (line.ends_with(block)) {
      indent = line.size() - block.size() + 2;
      result.yaml += line.substr(0, line.size() - 2);
      result.yaml += fmt::format("{}\n", result.kernels.size());
      result.kernels.emplace_back();
    } else {
      indent = 0;
      result.yaml += line;
    }
  }
  return result;
}

// Reads documents and maps by their keys. The first thing that is wrong is kept, and all after it is empty.
class YamlReader {
 public:
  YamlReader(const Document& document, const std::string& file, const std::vector<std::string>& kernels)
      : file_(file), first_line_(document.line), kernels_(kernels) {}

  const std::optional<Error>& error() const { return error_; }

  void fail(std::string message, const YAML::Node& at) {
    const YAML::Mark mark = at.Mark();
    if (!error_) error_ = Error{std::move(message), {file_, first_line_ + std::max(mark.line, 0), 0}};
  }

  // Fails unless `map` is one, with these keys at most.
  bool check(const YAML::Node& map, std::initializer_list<std::string_view> keys) {
    if (!map.IsMap()) fail("a map is missing", map);
    if (error_) return false;
    for (const auto& entry : map) {
      const std::string& key = entry.first.Scalar();
      if (std::ranges::find(keys, key) == keys.end())
        fail(fmt::format("'{}' is not known", key), entry.first);
    }
    return !error_;
  }

  std::string text(const YAML::Node& map, const char* key) {
    const YAML::Node node = find(map, key);
    if (!error_ && !node.IsScalar()) fail(fmt::format("'{}' is not a text", key), node);
    return error_ ? "" : node.Scalar();
  }

  bool truth(const YAML::Node& map, const char* key) {
    const std::string word = text(map, key);
    if (!error_ && word != "true" && word != "false")
      fail(fmt::format("'{}' is not true or false", key), map[key]);
    return word == "true";
  }

  // A finite number that is not negative.
  double number(const YAML::Node& map, const char* key, int shift = 0) {
    const std::optional<double> value = parse_decimal(text(map, key), shift);
    if (!error_ && (!value || *value < 0)) fail(fmt::format("'{}' is no number of 0 or more", key), map[key]);
    return error_ ? 0 : *value;
  }

  int64_t integer(const YAML::Node& map, const char* key, int64_t most = std::numeric_limits<int>::max()) {
    return whole(text(map, key), find(map, key), key, most);
  }
  int small(const YAML::Node& map, const char* key) { return static_cast<int>(integer(map, key)); }

  // The items of a list; none if the key is not there.
  std::vector<YAML::Node> items(const YAML::Node& map, const char* key) {
    std::vector<YAML::Node> nodes;
    const YAML::Node list = error_ ? YAML::Node() : map[key];
    if (error_ || !list) return nodes;
    if (!list.IsSequence()) fail(fmt::format("'{}' is not a list", key), list);
    for (const YAML::Node& item : list) nodes.push_back(item);
    return nodes;
  }

  std::string text(const YAML::Node& item) {
    if (!item.IsScalar()) fail("a text is missing", item);
    return item.IsScalar() ? item.Scalar() : "";
  }
  int small(const YAML::Node& item) {
    return static_cast<int>(whole(text(item), item, "an item", std::numeric_limits<int>::max()));
  }

  ir::Kernel kernel(const YAML::Node& map) {
    const auto number = static_cast<size_t>(integer(map, "kernel"));
    if (!error_ && number >= kernels_.size()) fail("'kernel' is not a block of lines", map["kernel"]);
    if (error_) return {};
    const YAML::Node node = map["kernel"];
    const auto within = [&](const Error& error) {
      fail(fmt::format("in the kernel that begins here, line {}: {}", error.where.line, error.message), node);
    };
    const Expected<ir::ParsedKernel> parsed = ir::parse_kernel(kernels_[number], file_);
    if (!parsed) {
      within(parsed.error());
      return {};
    }
    if (const std::vector<Error> errors = ir::verify(parsed->kernel, parsed->locations); !errors.empty())
      within(errors[0]);
    return parsed->kernel;
  }

 private:
  YAML::Node find(const YAML::Node& map, const char* key) {
    if (error_) return {};
    const YAML::Node node = map[key];
    if (!node) fail(fmt::format("'{}' is missing", key), map);
    return node;
  }

  int64_t whole(const std::string& digits, const YAML::Node& at, const char* what, int64_t most) {
    if (error_) return 0;
    const bool is_number =
        !digits.empty() && digits.size() <= 18 && digits.find_first_not_of("0123456789") == std::string::npos;
    const int64_t value = is_number ? std::stoll(digits) : 0;
    if (!is_number || value > most) fail(fmt::format("'{}' is no whole number up to {}", what, most), at);
    return error_ ? 0 : value;
  }

  const std::string& file_;
  int first_line_;
  const std::vector<std::string>& kernels_;
  std::optional<Error> error_;
};

// What `read` makes of the document's map.
template <class Read>
auto read_yaml(const Document& document, const std::string& file, Read read)
    -> Expected<decltype(read(std::declval<YamlReader&>(), YAML::Node()))> {
  try {
    const Shortened shortened = take_kernels(document.body);
    YamlReader reader(document, file, shortened.kernels);
    auto value = read(reader, YAML::Load(shortened.yaml));
    if (reader.error()) return *reader.error();
    return value;
  } catch (const YAML::Exception& problem) {
    return Error{problem.msg, {file, document.line + std::max(problem.mark.line, 0), 0}};
  }
}

}  // namespace tern::autotune
