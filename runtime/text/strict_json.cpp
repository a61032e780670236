#include "runtime/text/strict_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "runtime/gguf/gguf.h"

namespace tern::runtime {
namespace {

using nlohmann::json;

// Builds a value from the parser's events, and stops it by `false`.
class Builder : public nlohmann::json_sax<json> {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // not of JSON
  bool start_object(size_t) override { return open(json::object()); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (open_.back()->contains(name)) {
      fault_ = fmt::format("the key {} occurs twice in an object", quote(name));
      return false;
    }
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    position_ = position;
    // The library's text begins with its own number of the error and ends with what it was parsing.
    const std::string_view text = error.what();
    const size_t start = text.find(": ");
    fault_ = fmt::format("is no JSON: {}", start == text.npos ? text : text.substr(start + 2));
    return false;
  }

  const std::string& fault() const { return fault_; }
  size_t position() const { return position_; }
  json take() { return std::move(root_); }

 private:
  // The place of the next value; null if there are too many.
  json* place(json value) {
    if (++count_ > limits_.values) {
      fault_ = fmt::format("there are more than {} values", limits_.values);
      return nullptr;
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    return &(open_.back()->emplace(key_, std::move(value)).first.value());
  }
  bool put(json value) { return place(std::move(value)) != nullptr; }
  bool open(json value) {
    if (open_.size() == limits_.depth) {
      fault_ = fmt::format("its arrays and objects are nested more than {} deep", limits_.depth);
      return false;
    }
    json* opened = place(std::move(value));
    if (opened) open_.push_back(opened);
    return opened != nullptr;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const JsonLimits limits_;
  size_t count_ = 0;
  json root_;
  std::vector<json*> open_;  // the objects and arrays around the next value: only the innermost one grows
  std::string key_, fault_;
  size_t position_ = 0;  // of the fault, counted from 1; 0 where it is not known
};

Location location_of(std::string_view text, size_t position, const std::string& file) {
  if (position == 0) return {file};
  const std::string_view before = text.substr(0, std::min(position - 1, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n');
  const size_t start = before.rfind('\n');
  const size_t column = start == before.npos ? before.size() : before.size() - start - 1;
  return {file, static_cast<int>(line) + 1, static_cast<int>(column) + 1};
}

}  // namespace

Expected<json> parse_json(std::string_view text, const std::string& file, const JsonLimits& limits) {
  Builder builder(limits);
  if (json::sax_parse(text.begin(), text.end(), &builder)) return builder.take();
  return Error{builder.fault(), location_of(text, builder.position(), file)};
}

}  // namespace tern::runtime
