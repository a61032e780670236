// tern db: databases of tuned kernels, to look at and to look after.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "autotune/records/database_file.h"
#include "autotune/records/prune.h"
#include "base/system_error.h"
#include "targets/host.h"
#include "tools/commands.h"
#include "tools/db/db_race.h"
#include "tools/db/db_tables.h"
#include "tools/options/input.h"
#include "tools/options/output_file.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

using autotune::Database;
using autotune::ParsedDatabase;
using autotune::Provenance;

struct DbFlags {
  std::string file;                // --database or what is shown; empty: this machine's
  std::vector<std::string> files;  // the files to read
  std::string output, shape;
  std::optional<int64_t> rows;
  size_t candidates = 10, keep = 20;
  bool choices = false, dry_run = false, repair = false;
};

Expected<Provenance> this_machine() {
  const Expected<targets::Host>& host = targets::detect_host();
  TERN_TRY(host);
  return autotune::provenance_of(*host);
}

// The file that is named, else this machine's.
Expected<fs::path> file_of(const std::string& named) {
  if (!named.empty()) return fs::path(named);
  TERN_ASSIGN(const Provenance here, this_machine());
  const fs::path file = autotune::database_file(here);
  std::error_code problem;
  if (!fs::exists(file, problem))
    return Error{"there is no database of this machine yet: 'tern tune' makes one", {file.string(), 0, 0}};
  return file;
}

// Any machine's, with what is damaged in it.
Expected<ParsedDatabase> parse_file(const fs::path& file) {
  TERN_ASSIGN(const std::string text, read_text(file.string()));
  return autotune::parse_database(text, file.string());
}

// Reads a file of any machine, and prints what is damaged in it.
Expected<Database> read_file(const fs::path& file) {
  TERN_ASSIGN(ParsedDatabase parsed, parse_file(file));
  for (const autotune::Quarantined& piece : parsed.quarantined)
    fmt::print(stderr, "tern: warning: left out: {}\n", piece.reason.text());
  return std::move(parsed.database);
}

// The databases of the folder, sorted.
std::vector<fs::path> all_files() {
  std::vector<fs::path> files;
  std::error_code problem;
  for (fs::directory_iterator entry(autotune::database_folder(), problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (entry->path().extension() == ".yaml") files.push_back(entry->path());
  }
  std::ranges::sort(files);
  return files;
}

Expected<int> list(const DbFlags&) {
  TERN_ASSIGN(const Provenance here, this_machine());
  const std::vector<fs::path> files = all_files();
  if (files.empty())
    fmt::print("no databases in {}: 'tern tune' makes one\n", autotune::database_folder().string());
  for (const fs::path& file : files) {
    const Expected<ParsedDatabase> parsed = parse_file(file);
    if (!parsed) {
      fmt::print("{}\n", parsed.error().text());
      continue;
    }
    fmt::print("{}{}\n  {}\n", file.string(), parsed->database.provenance == here ? " (this machine)" : "",
               summary(parsed->database));
    if (!parsed->quarantined.empty())
      fmt::print("  {} damaged: see 'tern db verify'\n", parsed->quarantined.size());
  }
  return exit_ok;
}

// "2560x6912": n outputs by k inputs.
Status parse_shape(const std::string& text, DatabaseFilter& filter) {
  int64_t n = 0, k = 0;
  int length = 0;
  if (std::sscanf(text.c_str(), "%9ldx%9ld%n", &n, &k, &length) != 2 ||
      text.size() != static_cast<size_t>(length))
    return Error{fmt::format("'{}' is no shape such as 2560x6912, outputs by inputs", text), {}};
  filter.n = n;
  filter.k = k;
  return {};
}

Expected<int> show(const DbFlags& flags) {
  DatabaseFilter filter{{}, {}, flags.rows, flags.candidates};
  if (!flags.shape.empty()) {
    TERN_TRY(parse_shape(flags.shape, filter));
  }
  TERN_ASSIGN(const fs::path file, file_of(flags.file));
  TERN_ASSIGN(const Database database, read_file(file));
  return write_output("", fmt::format("{}\n{}", file.string(), table(database, filter)));
}

// Merges files into one, which must all be of its machine.
Expected<int> merge_into(const fs::path& into, const Provenance& machine,
                         const std::vector<Database>& databases, const std::vector<std::string>& files) {
  for (size_t i = 0; i < databases.size(); ++i) {
    const std::vector<std::string> lines = differences(databases[i].provenance, machine);
    if (!lines.empty())
      return Error{
          fmt::format("is of another machine, or of another version of Tern, and is not merged:\n  {}",
                      fmt::join(lines, "\n  ")),
          {files[i], 0, 0}};
  }
  std::string result;
  const Status updated = autotune::update_database(into, machine, [&](Database& database) {
    for (const Database& other : databases) merge(database, other);
    result = summary(database);
  });
  TERN_TRY(updated);
  fmt::print("{}: {}\n", into.string(), result);
  return exit_ok;
}

Expected<std::vector<Database>> read_files(const std::vector<std::string>& files) {
  std::vector<Database> databases;
  for (const std::string& file : files) {
    TERN_ASSIGN(Database database, read_file(file));
    databases.push_back(std::move(database));
  }
  return databases;
}

// Into the file that is named, which has the machine of the first; else into this machine's.
Expected<int> merge_files(const DbFlags& flags) {
  TERN_ASSIGN(const std::vector<Database> databases, read_files(flags.files));
  if (!flags.output.empty())
    return merge_into(flags.output, databases.front().provenance, databases, flags.files);
  TERN_ASSIGN(const Provenance here, this_machine());
  return merge_into(autotune::database_file(here), here, databases, flags.files);
}

Expected<int> export_file(const DbFlags& flags) {
  TERN_ASSIGN(const fs::path file, file_of(flags.file));
  TERN_ASSIGN(Database database, read_file(file));
  if (flags.choices) database.records.clear();
  return write_output(flags.output, print(database));
}

// Files of the same CPU that an older generator of kernels made: no program reads them any more.
std::vector<fs::path> outdated_files(const Provenance& here) {
  std::vector<fs::path> outdated;
  for (const fs::path& file : all_files()) {
    const Expected<ParsedDatabase> parsed = parse_file(file);
    if (!parsed) continue;
    const Provenance& theirs = parsed->database.provenance;
    if (theirs.cpu == here.cpu && theirs.generator < here.generator) outdated.push_back(file);
  }
  return outdated;
}

Expected<int> prune_file(const DbFlags& flags) {
  TERN_ASSIGN(const Provenance here, this_machine());
  TERN_ASSIGN(const fs::path file, file_of(flags.file));
  TERN_ASSIGN(Database database, read_file(file));
  size_t gone = autotune::prune(database, flags.keep);
  if (!flags.dry_run) {
    TERN_TRY(autotune::update_database(
        file, database.provenance, [&](Database& current) { gone = autotune::prune(current, flags.keep); }));
  }
  const char* would = flags.dry_run ? "would be " : "";
  fmt::print("{}: {} kernel{} {}forgotten\n", file.string(), gone, gone == 1 ? "" : "s", would);
  if (!flags.file.empty()) return exit_ok;
  for (const fs::path& old : outdated_files(here)) {
    std::error_code problem;
    if (!flags.dry_run && !fs::remove(old, problem))
      return Error{problem.message(), {old.string(), 0, 0}, kind_of_errno(problem.value())};
    fmt::print("{}: {}removed, generator {} has taken its place\n", old.string(), would, here.generator);
  }
  return exit_ok;
}

// Says what is damaged in a file; whether nothing is, or it was repaired.
Expected<bool> verify_file(const fs::path& file, bool repair, const Provenance& here) {
  const Expected<ParsedDatabase> parsed = parse_file(file);
  if (!parsed && !repair) return parsed.error();
  if (parsed) {
    for (const autotune::Quarantined& piece : parsed->quarantined) fmt::print("{}\n", piece.reason.text());
    fmt::print("{}: {}; {} damaged\n", file.string(), summary(parsed->database), parsed->quarantined.size());
    if (parsed->quarantined.empty()) return true;
  }
  if (!repair) return false;
  TERN_ASSIGN(const size_t moved,
              autotune::repair_database(file, parsed ? parsed->database.provenance : here));
  fmt::print("{}: {} moved to {}.quarantine\n", file.string(), moved, file.string());
  return true;
}

Expected<int> verify(const DbFlags& flags) {
  TERN_ASSIGN(const Provenance here, this_machine());
  std::vector<fs::path> files(flags.files.begin(), flags.files.end());
  if (files.empty()) files = all_files();
  if (files.empty()) fmt::print("no databases in {}\n", autotune::database_folder().string());
  int code = exit_ok;
  for (const fs::path& file : files) {
    const Expected<bool> good = verify_file(file, flags.repair, here);
    if (!good) report(good.error());
    if (!good || !*good) code = exit_failed;
  }
  return code;
}

using Action = Expected<int> (*)(const DbFlags&);

CLI::App* add(CLI::App& db, const char* name, const char* description, const std::shared_ptr<DbFlags>& flags,
              int& exit_code, Action action) {
  CLI::App* command = db.add_subcommand(name, description);
  command->callback([flags, &exit_code, action] {
    const Expected<int> code = action(*flags);
    exit_code = code ? *code : report(code.error());
  });
  return command;
}

}  // namespace

void add_db(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<DbFlags>();
  CLI::App* db = app.add_subcommand("db", "Look at and look after databases of tuned kernels");
  db->require_subcommand(1);
  db->footer(
      "They are in $TERN_DATABASE, else $XDG_DATA_HOME/tern/kernels, else ~/.local/share/tern/kernels: a "
      "file\n"
      "for each CPU with its caches and features, and each version of LLVM and of Tern's generator of "
      "kernels.\n"
      "A TERN_DATABASE that ends in .yaml is one file instead.");
  constexpr const char* own = "Database (default: this machine's)";

  add(*db, "list", "List the databases", flags, exit_code, list);

  CLI::App* command =
      add(*db, "show", "Show choices, and the best candidates for each problem", flags, exit_code, show);
  command->add_option("file", flags->file, own);
  command->add_option("--shape", flags->shape,
                      "Only this shape of weights, outputs by inputs, such as 2560x6912");
  command->add_option("-m", flags->rows, "Only this number of tokens");
  command->add_option("--candidates", flags->candidates, "Candidates of each problem")->capture_default_str();

  command = add(*db, "merge", "Merge files of one machine: all timings, the later choices", flags, exit_code,
                merge_files);
  command->add_option("files", flags->files, "Databases to read")->required();
  command->add_option("-o,--output", flags->output, "Database to merge into (default: this machine's)");

  command = add(*db, "export", "Write a database as one file for others", flags, exit_code, export_file);
  command->add_option("file", flags->file, own);
  command->add_option("-o,--output", flags->output, "File to write; standard output if not given");
  command->add_flag("--choices", flags->choices, "Only what running needs, without the records behind it");

  command = add(*db, "import", "Add what `export` wrote on the same kind of machine to this one's database",
                flags, exit_code, merge_files);
  command->add_option("files", flags->files, "Files to read ('-': standard input)")->required();

  command = add(*db, "prune", "Forget slow candidates, and files of older generators of kernels", flags,
                exit_code, prune_file);
  command->add_option("file", flags->file, own);
  command->add_option("--keep", flags->keep, "Candidates of each problem that stay, beside those chosen")
      ->capture_default_str();
  command->add_flag("--dry-run", flags->dry_run, "Only say what would go");

  command =
      add(*db, "verify", "Report what is damaged; exit code 1 if anything is", flags, exit_code, verify);
  command->add_option("files", flags->files, "Databases (default: all)");
  command->add_flag("--repair", flags->repair, "Move what is damaged to FILE.quarantine");

  add_db_race(*db, exit_code);
}

}  // namespace tern::tools
