// Options that are numbers.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tern::tools {

// Makes every option of the command and of its subcommands that takes a number from 0 on refuse a sign, which
// the parser alone would take for a number near 2^64. Called when all options have been added.
void refuse_negative_numbers(CLI::App& command);

// Adds -n,--tokens: the most tokens of a text. -1 sets `tokens` to a number that no context reaches.
void add_token_count(CLI::App& command, size_t& tokens, const std::string& help);

// Adds --seed, from 0 to 2^64 - 1. -1 takes a random one, and says which on standard error.
void add_seed(CLI::App& command, uint64_t& seed);

}  // namespace tern::tools
