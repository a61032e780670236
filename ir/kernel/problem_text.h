// print and parse of a Problem, a part of a Kernel's text.
#pragma once

#include <string>
#include <string_view>

#include "ir/kernel/problem.h"
#include "ir/lexer.h"

namespace tern::ir {

// "problem matmul m=1 n=600 k=256 { ... }" in five lines, each but the first after `indentation`; no newline
// at the end.
std::string print(const Problem& problem, std::string_view indentation = "");

// Reads what print() gives. Only the grammar is checked: see verify(kernel).
Problem parse_problem(Lexer& in);

}  // namespace tern::ir
