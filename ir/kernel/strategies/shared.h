// Text, verification and shapes that several strategies share.
#pragma once

#include <string>
#include <vector>

#include "ir/kernel/strategies/strategy_info.h"

namespace tern::ir {

// "partial i16, widen every k 64"; nothing if sums are never partial.
void print_widening(std::vector<std::string>& parts, const Kernel& kernel);
// Reads that part and sets the knob.
void parse_widening(Lexer& in, Kernel& kernel);

// "zero point 1, correct -sum_k A" (or "zero point 8, correct -8 sum_k A"), then "unpack table" unless it is
// by fields.
void print_unpacking(std::vector<std::string>& parts, const Unpacking& unpacking);
// Reads the zero point, which comes first.
void parse_zero_point(Lexer& in, Unpacking& unpacking);
// Reads how weights are unpacked; false, and nothing read, if the next part says something else.
bool parse_unpack(Lexer& in, Unpacking& unpacking);

// A whole number that is clamped to -1000 .. 1000, for knobs of a few values.
int small_number(Lexer& in, std::string_view what);

// What is wrong with an Unpacking of the kernel, or with partial sums of it.
void check_unpacking(Findings& findings, const Unpacking& unpacking);
// The check of a strategy that takes every packing.
void accept_packing(Findings& findings);

// The weights of vectors that dot products take: four inputs of one output lie in four neighbouring bytes,
// and a packing of g weights a group holds the next four inputs in the next place of the same four groups.
VectorWeights dot_weights(const Kernel& kernel, int64_t lanes);

}  // namespace tern::ir
