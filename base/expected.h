// Errors as values: what a user typed or a file held is never allowed to crash the process.
#pragma once

#include <cassert>
#include <cstdint>
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

// Whose fault an error is, which decides what a program answers: a command its exit code (tools/options), a
// server its status.
enum class ErrorKind : uint8_t {
  input,        // what a user typed or a file holds is wrong, and the same input will fail again
  machine,      // the machine lacks something: memory, space on a disk, a permission, a feature of its CPU
  interrupted,  // the user or the caller ended the work
  bug,          // this program is wrong
};

// One problem, said so that its reader can mend it.
struct Error {
  std::string message;
  Location where;
  ErrorKind kind = ErrorKind::input;

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

// An Error of kind machine.
inline Error machine_error(std::string message, Location where = {}) {
  return {std::move(message), std::move(where), ErrorKind::machine};
}

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

// TERN_TRY(expression): a statement that evaluates a Status (or an Expected whose value does not matter), and
// returns its error, if it has one, from the function around it, which returns a Status or an Expected.
//
//   TERN_TRY(verify(kernel));
#define TERN_TRY(...) TERN_TRY_AS(TERN_UNIQUE(tern_status_), __VA_ARGS__)

// TERN_ASSIGN(declaration, expression): declares a variable with the value of an Expected, or returns its
// error from the function around it. It is two statements and a declaration: not for the branch of an `if`
// without braces.
//
//   TERN_ASSIGN(const Kernel kernel, parse_kernel(text));
#define TERN_ASSIGN(declaration, ...) TERN_ASSIGN_AS(TERN_UNIQUE(tern_expected_), declaration, __VA_ARGS__)

#define TERN_UNIQUE(prefix) TERN_JOIN(prefix, __COUNTER__)
#define TERN_JOIN(a, b) TERN_JOIN_EXPANDED(a, b)
#define TERN_JOIN_EXPANDED(a, b) a##b
#define TERN_TRY_AS(name, ...)                     \
  do {                                             \
    const auto& name = (__VA_ARGS__);              \
    if (!name) return ::tern::Error(name.error()); \
  } while (false)
#define TERN_ASSIGN_AS(name, declaration, ...)   \
  auto name = (__VA_ARGS__);                     \
  if (!name) return ::tern::Error(name.error()); \
  declaration = name.take()

}  // namespace tern
