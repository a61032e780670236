// What one rendering may cost. A template comes with a model file, from anybody, so none may take all time or
// all memory.
#pragma once

#include <cstddef>

#include "base/expected.h"

namespace tern::runtime::jinja {

struct Limits {
  size_t output_bytes = size_t{16} << 20;
  // Nodes evaluated, items visited, and 32 bytes of text read: each counts as a step.
  size_t steps = 4'000'000;
  // Bytes of all strings and lists that are made, those that are gone again included: an upper bound of what
  // is held at once.
  size_t memory_bytes = size_t{64} << 20;
  size_t depth = 300;  // expressions, statements and macros within each other, while they are evaluated
};

// Counts against limits. Functions that would go beyond one return false and note it; the evaluator turns
// that into an error after every node, so a function in between may just stop.
class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  bool step(size_t count = 1) { return take(steps_, count, limits_.steps, "steps"); }
  bool read(size_t bytes) { return step(1 + bytes / 32); }
  // To be called before the memory is taken.
  bool make(size_t bytes) {
    return take(memory_, bytes, limits_.memory_bytes, "memory") && step(1 + bytes / 32);
  }
  bool output(size_t bytes) { return take(output_, bytes, limits_.output_bytes, "output"); }
  bool enter() {
    if (depth_ >= limits_.depth) return fail("depth");
    ++depth_;
    return true;
  }
  void leave() { --depth_; }

  bool spent() const { return what_ != nullptr; }
  Error error() const {
    return {
        std::string("the template was stopped: it needs more ") + what_ + " than a chat template is allowed",
        {}};
  }

 private:
  bool fail(const char* what) {
    if (what_ == nullptr) what_ = what;
    return false;
  }
  bool take(size_t& used, size_t count, size_t limit, const char* what) {
    if (spent() || count > limit - used) return fail(what);
    used += count;
    return true;
  }

  Limits limits_;
  size_t steps_ = 0, memory_ = 0, output_ = 0, depth_ = 0;
  const char* what_ = nullptr;  // the limit that was met
};

}  // namespace tern::runtime::jinja
