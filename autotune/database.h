// The records of one machine, in a file that people can read, merge and edit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "autotune/record.h"
#include "ir/expected.h"

namespace tern::autotune {

struct Database {
  Provenance provenance;
  std::vector<Record> records;        // at most one a kernel and conditions
  std::vector<Choice> choices;        // at most one a shape (n, k, weights) and conditions
  std::vector<ThreadChoice> threads;  // at most one a model
  bool operator==(const Database&) const = default;
};

// A part of a database's text that cannot be believed.
struct Quarantined {
  std::string text;  // as it stood
  Error reason;      // with its line
};

struct ParsedDatabase {
  Database database;
  std::vector<Quarantined> quarantined;
};

// The text is a stream of YAML documents, each with a checksum of its own: first who was measured, then a
// document for each record and choice. So files can be joined by appending, and what is damaged takes nothing
// else with it: it is given back as it stood. Fails if there is no document that says who was measured.
Expected<ParsedDatabase> parse_database(std::string_view text, const std::string& file);
// Choices and threads alone: for who only wants to run something. Records are neither parsed nor checked.
Expected<ParsedDatabase> parse_choices(std::string_view text, const std::string& file);
std::string print(const Database& database);

// All that either knows: timings of the same kernel side by side, the later of two choices. Precondition:
// equal provenance.
void merge(Database& into, const Database& other);

// The kernels for a problem: those of the choice for its shape if it was made for this target and is legal
// there, for the nearest number of rows, resized to that of the problem; nothing without such a choice. The
// same choice answers for every m, so layouts agree.
std::optional<ir::Kernel> find_kernel(const Database& database, const ir::Problem& problem,
                                      const targets::Target& target);

}  // namespace tern::autotune
