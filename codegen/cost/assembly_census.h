// What an innermost loop is made of, counted in its assembly: a shape that can be compared and shown, where a
// listing would change with every register.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tern::codegen {

struct AssemblyCensus {
  std::map<std::string, int> mnemonics;  // of the loop, with how often each occurs
  int instructions = 0;
  int stack_accesses = 0;  // instructions that read or write the stack: registers that were spilled
};

// Counts the innermost loop of a function's assembly as LLVM writes it (x86 in AT&T form, AArch64 or RISC-V);
// where there are several, that of the most instructions. Nothing if there is no loop.
std::optional<AssemblyCensus> census(std::string_view assembly);

// One line for the loop, then one for each mnemonic, the most frequent first.
std::string print(const AssemblyCensus& census);

}  // namespace tern::codegen
