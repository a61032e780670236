// Errors as values: what a user typed or a file held is never allowed to crash the process.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace tern {

// Where an input went wrong. Line and column count from 1; 0 means "not known".
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
  bool operator==(const Location&) const = default;
};

// One problem with an input, said so that its author can mend it.
struct Error {
  std::string message;
  Location where;

  // "file:line:column: message", leaving out the parts that are not known.
  std::string text() const {
    std::string prefix = where.file;
    if (where.line > 0) {
      prefix += prefix.empty() ? "line " : ":";
      prefix += std::to_string(where.line);
      if (where.column > 0) prefix.append(":").append(std::to_string(where.column));
    }
    return prefix.empty() ? message : prefix + ": " + message;
  }
};

// Either a T or the Error that kept us from making one.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Expected(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const {
    assert(!*this);
    return std::get<1>(state_);
  }
  T take() { return std::move(value()); }

 private:
  T& value() {
    assert(*this);
    return std::get<0>(state_);
  }
  const T& value() const {
    assert(*this);
    return std::get<0>(state_);
  }
  std::variant<T, Error> state_;
};

// Success, or the Error that prevented it.
template <>
class [[nodiscard]] Expected<void> {
 public:
  Expected() = default;
  Expected(Error error) : error_(std::move(error)), failed_(true) {}

  explicit operator bool() const { return !failed_; }
  const Error& error() const {
    assert(failed_);
    return error_;
  }

 private:
  Error error_;
  bool failed_ = false;
};

using Status = Expected<void>;

}  // namespace tern
