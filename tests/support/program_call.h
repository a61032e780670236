// Running one program by the interpreter and by the JIT, and comparing what they leave behind.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "codegen/jit/jit.h"
#include "ir/program/interpret.h"
#include "ir/program/program.h"

namespace tern::testing {

// One for each buffer of a program.
using Contents = std::vector<std::vector<std::byte>>;

inline Contents interpreted(const ir::Program& program, Contents contents) {
  std::vector<std::byte*> buffers;
  for (std::vector<std::byte>& content : contents) buffers.push_back(content.data());
  interpret(program, buffers, full_ranges(program));
  return contents;
}

inline Contents executed(const codegen::CompiledKernel& compiled, Contents contents) {
  std::vector<void*> buffers;
  for (std::vector<std::byte>& content : contents) buffers.push_back(content.data());
  compiled(buffers, full_ranges(compiled.program()));
  return contents;
}

// True if the elements have the same bits, or are both NaN: which NaN an operation gives is the CPU's choice.
inline bool same_element(ir::Element element, const std::byte* a, const std::byte* b) {
  if (std::memcmp(a, b, size_in_bytes(element)) == 0) return true;
  if (element != ir::Element::f32) return false;
  float x, y;
  std::memcpy(&x, a, sizeof x);
  std::memcpy(&y, b, sizeof y);
  return x != x && y != y;
}

// Where the contents differ first, in words; empty if they do not.
inline std::string difference(const ir::Program& program, const Contents& expected, const Contents& actual) {
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const ir::Buffer& buffer = program.buffers[i];
    const int bytes = size_in_bytes(buffer.element);
    for (int64_t at = 0; at < buffer.size; ++at) {
      if (!same_element(buffer.element, &expected[i][at * bytes], &actual[i][at * bytes]))
        return buffer.name + "[" + std::to_string(at) + "] differs";
    }
  }
  return {};
}

}  // namespace tern::testing
