// The records of one machine, in a file that people can read, merge and edit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "autotune/records/record.h"
#include "base/expected.h"

namespace tern::autotune {

struct Database {
  Provenance provenance;
  std::vector<Record> records;        // at most one a kernel and conditions
  std::vector<Choice> choices;        // at most one a shape (n, k, weights) and conditions
  std::vector<ThreadChoice> threads;  // at most one a model
  bool operator==(const Database&) const = default;
};

// Eight digits that stand for a provenance: every document of a file carries them, and its name does.
std::string machine_digits(const Provenance& provenance);

// A part of a database's text that is damaged, and not used.
struct Quarantined {
  std::string text;  // as it stood
  Error reason;      // with its line
};

struct ParsedDatabase {
  Database database;
  std::vector<Quarantined> quarantined;
};

// The text is a stream of YAML documents (autotune/records/documents.h), each with a checksum of its own: who
// was measured, then each choice and each record. So files can be joined by appending, and what is damaged
// takes nothing else with it: it is given back as it stood. So are documents of another machine than the
// first that is described. Fails if there is no document that says who was measured.
Expected<ParsedDatabase> parse_database(std::string_view text, const std::string& file);
// Choices and threads alone, which are enough to run a model. Records are neither parsed nor checked.
Expected<ParsedDatabase> parse_choices(std::string_view text, const std::string& file);
std::string print(const Database& database);

// All that either knows: timings of the same kernel side by side by date, and of two choices the better
// founded: measured before predicted, then the later. Precondition: equal provenance.
void merge(Database& into, const Database& other);

// A kernel that a choice gives for a problem.
struct FoundKernel {
  ir::Kernel kernel;  // for the problem's m
  int64_t measured_rows =
      0;  // the m that it was measured for; another than the problem's where it is resized
};

// The kernel for a problem: of the choice for its shape, if that was made for this target and is legal there,
// the kernel for the problem's m; else the one for the next larger m; else the one for the largest. The last
// two are resized to the problem's m. Nothing without such a choice: then the default kernel is there. Of
// choices for several numbers of threads it is the one for the number nearest to `threads`, or if that is 0,
// the latest. One choice answers for every m, so that all kernels of a matrix have one layout (which is why m
// above the largest has no default kernel); and for every way to scale the tensor, which changes neither
// layout nor loops.
std::optional<FoundKernel> find_choice_kernel(const Database& database, const ir::Problem& problem,
                                              const targets::Target& target, int threads = 0);
// The kernel alone.
std::optional<ir::Kernel> find_kernel(const Database& database, const ir::Problem& problem,
                                      const targets::Target& target, int threads = 0);

}  // namespace tern::autotune
