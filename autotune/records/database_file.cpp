#include "autotune/records/database_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <system_error>

#include "base/atomic_file.h"
#include "base/system_error.h"

namespace tern::autotune {
namespace {

namespace fs = std::filesystem;

Error failure(const fs::path& file, int code) {
  return {std::generic_category().message(code), {file.string(), 0, 0}, kind_of_errno(code)};
}

fs::path variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// A file that is open, and maybe locked, until this goes.
class OpenFile {
 public:
  OpenFile(const fs::path& file, int flags)
      : descriptor_(open(file.c_str(), flags | O_CLOEXEC, 0666)), error_(errno) {}
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }
  int error() const { return descriptor_ >= 0 ? 0 : error_; }

 private:
  int descriptor_, error_;
};

Status lock(const OpenFile& file, const fs::path& path) {
  if (file.error() != 0) return failure(path, file.error());
  while (flock(file.descriptor(), LOCK_EX) != 0) {
    if (errno != EINTR) return failure(path, errno);
  }
  return {};
}

// Nothing if there is no such file.
Expected<std::optional<std::string>> read_text(const fs::path& file) {
  std::error_code problem;
  if (!fs::exists(file, problem) && !problem) return std::optional<std::string>();
  if (fs::is_directory(file, problem)) return Error{"is a folder, not a database", {file.string(), 0, 0}};
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) return failure(file, errno);
  return std::optional<std::string>(std::move(text).str());
}

Status check_provenance(const Provenance& records, const Provenance& here, const fs::path& file) {
  const std::vector<std::string> lines = differences(records, here);
  if (lines.empty()) return {};
  return Error{
      fmt::format("the records of another machine, or of another version of Tern, are not used:\n"
                  "  {}\n"
                  "'tern tune' makes records of this machine; 'tern tune --from {}' begins with these",
                  fmt::join(lines, "\n  "), file.string()),
      {file.string(), 0, 0}};
}

using Parse = Expected<ParsedDatabase> (*)(std::string_view, const std::string&);

// Of a file that is not there, nothing is known.
Expected<ParsedDatabase> parse_file(const std::optional<std::string>& text, const fs::path& file,
                                    const Provenance& here, Parse parse) {
  if (!text) return ParsedDatabase{{here, {}, {}, {}}, {}};
  Expected<ParsedDatabase> parsed = parse(*text, file.string());
  if (!parsed) return parsed;
  if (const Status same = check_provenance(parsed->database.provenance, here, file); !same)
    return same.error();
  return parsed;
}

Expected<Database> load(const fs::path& file, const Provenance& here, std::vector<std::string>& warnings,
                        Parse parse) {
  const Expected<std::optional<std::string>> text = read_text(file);
  if (!text) return text.error();
  Expected<ParsedDatabase> parsed = parse_file(*text, file, here, parse);
  if (!parsed) return parsed.error();
  if (const size_t count = parsed->quarantined.size(); count > 0)
    warnings.push_back(fmt::format("{}{}; see 'tern db verify'", parsed->quarantined[0].reason.text(),
                                   count == 1 ? "" : fmt::format(" (and {} more)", count - 1)));
  return std::move(parsed->database);
}

// Adds to the end of a file, durably.
Status append(std::string_view text, const fs::path& file) {
  const OpenFile out(file, O_WRONLY | O_CREAT | O_APPEND);
  if (out.error() != 0) return failure(file, out.error());
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = write(out.descriptor(), rest.data(), rest.size());
    if (written < 0 && errno != EINTR) return failure(file, errno);
    if (written > 0) rest.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(out.descriptor()) == 0 ? Status() : failure(file, errno);
}

// Appends what is not there yet: who was killed between this and writing the database does it again.
Status quarantine(const std::vector<Quarantined>& pieces, const fs::path& file) {
  const Expected<std::optional<std::string>> before = read_text(file);
  if (!before) return before.error();
  std::string text;
  for (const Quarantined& piece : pieces) {
    if (before->value_or("").find(piece.text) != std::string::npos) continue;
    text += fmt::format("# {}\n{}", piece.reason.text(), piece.text);
    if (!text.ends_with('\n')) text += '\n';
  }
  return append(text, file);
}

Status replace(const fs::path& file, const std::string& text) {
  Expected<AtomicFile> out = AtomicFile::create(file.string());
  if (!out) return out.error();
  if (const Status written = out->write(std::as_bytes(std::span(text))); !written) return written;
  return out->commit();
}

// First what is damaged, so that it is always in one of the two files at least.
Status write_back(const ParsedDatabase& parsed, const std::optional<std::string>& before,
                  const fs::path& file) {
  if (!parsed.quarantined.empty()) {
    if (const Status kept = quarantine(parsed.quarantined, file.string() + ".quarantine"); !kept) return kept;
  }
  const std::string after = print(parsed.database);
  return before == after ? Status() : replace(file, after);
}

// Calls `act` with the lock of the file, which is one for all names of the file and links to it.
Status with_lock(const fs::path& named, const std::function<Status(const fs::path&)>& act) {
  std::error_code problem;
  const fs::path absolute = fs::absolute(named), canonical = fs::weakly_canonical(absolute, problem);
  const fs::path& file = canonical.empty() ? absolute : canonical;
  fs::create_directories(file.parent_path(), problem);
  if (problem) return failure(file.parent_path(), problem.value());
  const fs::path lock_path = file.string() + ".lock";
  const OpenFile lock_file(lock_path, O_RDWR | O_CREAT);
  if (const Status locked = lock(lock_file, lock_path); !locked) return locked;
  return act(file);
}

// For names of files.
std::string dashed(std::string name) {
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c) && c != '_' && c != '.'; }, '-');
  return name;
}

}  // namespace

fs::path database_folder() {
  if (const fs::path own = variable("TERN_DATABASE"); !own.empty())
    return own.extension() == ".yaml" ? own.parent_path() : own;
  if (const fs::path data = variable("XDG_DATA_HOME"); !data.empty()) return data / "tern" / "kernels";
  const fs::path home = variable("HOME");
  return (home.empty() ? "." : home) / ".local" / "share" / "tern" / "kernels";
}

fs::path database_file(const Provenance& provenance) {
  if (const fs::path own = variable("TERN_DATABASE"); own.extension() == ".yaml") return own;
  return database_folder() / fmt::format("{}-{}.yaml", dashed(provenance.cpu), machine_digits(provenance));
}

Expected<Database> load_database(const fs::path& file, const Provenance& here,
                                 std::vector<std::string>& warnings) {
  return load(file, here, warnings, parse_database);
}

Expected<Database> load_choices(const fs::path& file, const Provenance& here,
                                std::vector<std::string>& warnings) {
  return load(file, here, warnings, parse_choices);
}

Status update_database(const fs::path& file, const Provenance& here,
                       const std::function<void(Database&)>& change) {
  return with_lock(file, [&](const fs::path& path) -> Status {
    const Expected<std::optional<std::string>> before = read_text(path);
    if (!before) return before.error();
    Expected<ParsedDatabase> parsed = parse_file(*before, path, here, parse_database);
    if (!parsed) return parsed.error();
    change(parsed->database);
    return write_back(*parsed, *before, path);
  });
}

Status append_to_database(const fs::path& file, const Database& found) {
  return with_lock(file, [&](const fs::path& path) -> Status {
    std::error_code problem;
    if (!fs::exists(path, problem)) return replace(path, print(found));
    // A writer that was killed may have left half a line: begin a new one.
    return append(fmt::format("\n{}", print(found)), path);
  });
}

Expected<size_t> repair_database(const fs::path& file, const Provenance& here) {
  size_t moved = 0;
  const Status repaired = with_lock(file, [&](const fs::path& path) -> Status {
    const Expected<std::optional<std::string>> before = read_text(path);
    if (!before) return before.error();
    Expected<ParsedDatabase> parsed = parse_file(*before, path, here, parse_database);
    const Database empty{here, {}, {}, {}};
    if (!parsed && *before && !parse_choices(**before, path.string())) {
      parsed = parse_database(print(empty) + **before, path.string());
      if (parsed->database == empty) return Error{"holds nothing of this machine", {path.string(), 0, 0}};
    }
    if (!parsed) return parsed.error();
    moved = parsed->quarantined.size();
    return write_back(*parsed, *before, path);
  });
  if (!repaired) return repaired.error();
  return moved;
}

}  // namespace tern::autotune
