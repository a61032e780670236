#include "codegen/jit/object_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/SHA256.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/system_error.h"

namespace tern::codegen {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "tern object 1\n";
constexpr std::string_view extension = ".object";
constexpr std::string_view temporary_prefix = "writing-";  // a writer that died leaves its file behind
constexpr size_t checksum_bytes = 32;

std::string checksum(std::string_view text) {
  const auto digest =
      llvm::SHA256::hash(llvm::ArrayRef(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  return std::string(digest.begin(), digest.end());
}

std::optional<std::string> read_file(const fs::path& file) {
  const auto buffer =
      llvm::MemoryBuffer::getFile(file.string(), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer) return std::nullopt;
  return (*buffer)->getBuffer().str();
}

// What guards a file: the key it was stored under and the object, so that a file cannot stand for another.
std::string guard(std::string_view key, std::string_view object) {
  return checksum(std::string(key) + '\0' + checksum(object));
}

}  // namespace

fs::path ObjectCache::default_folder() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value ? value : "";
  };
  if (const std::string own = variable("TERN_CACHE"); !own.empty()) return own;
  if (const std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return fs::path(xdg) / "tern";
  const std::string home = variable("HOME");
  if (!home.empty()) return fs::path(home) / ".cache" / "tern";
  std::error_code problem;
  const fs::path temporary = fs::temp_directory_path(problem);
  return (problem ? fs::path("/tmp") : temporary) / fmt::format("tern-{}", getuid());
}

Expected<ObjectCache> ObjectCache::open(fs::path folder, int64_t max_size) {
  const auto fail = [&](const std::string& what, ErrorKind kind) {
    return Error{what + " (choose another with TERN_CACHE, or none with --no-cache)",
                 {"cache folder " + folder.string(), 0, 0},
                 kind};
  };
  const auto fail_by_errno = [&] { return fail(std::strerror(errno), kind_of_errno(errno)); };
  std::error_code problem;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), problem);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_by_errno();
  struct stat state = {};
  if (stat(folder.c_str(), &state) != 0) return fail_by_errno();
  if (!S_ISDIR(state.st_mode)) return fail("is not a folder", ErrorKind::input);
  if (state.st_uid != geteuid()) return fail("belongs to another user", ErrorKind::machine);
  if ((state.st_mode & 0022) != 0)
    return fail("can be written by other users: run chmod 700 on it", ErrorKind::machine);
  if (access(folder.c_str(), R_OK | W_OK | X_OK) != 0) return fail_by_errno();
  return ObjectCache(std::move(folder), max_size);
}

fs::path ObjectCache::file_of(std::string_view key) const {
  return folder_ / (llvm::toHex(checksum(key), true) + std::string(extension));
}

std::optional<std::string> ObjectCache::load(std::string_view key) const {
  const fs::path file = file_of(key);
  std::optional<std::string> content = read_file(file);
  if (!content) return std::nullopt;
  const size_t header = magic.size() + checksum_bytes;
  const bool whole = content->size() >= header && content->compare(0, magic.size(), magic) == 0;
  if (!whole || content->substr(magic.size(), checksum_bytes) !=
                    guard(key, std::string_view(*content).substr(header))) {
    std::error_code ignored;
    fs::remove(file, ignored);
    return std::nullopt;
  }
  std::error_code ignored;
  fs::last_write_time(file, fs::file_time_type::clock::now(), ignored);  // for the order of eviction
  return content->substr(header);
}

void ObjectCache::store(std::string_view key, std::string_view object) const {
  std::string temporary = (folder_ / (std::string(temporary_prefix) + "XXXXXX")).string();
  const int descriptor = mkstemp(temporary.data());  // mode 0600
  if (descriptor < 0) return;
  const std::string content = std::string(magic) + guard(key, object) + std::string(object);
  const bool written =
      write(descriptor, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  close(descriptor);
  if (!written || rename(temporary.c_str(), file_of(key).c_str()) != 0) unlink(temporary.c_str());
  shrink();
}

void ObjectCache::shrink() const {
  struct Entry {
    fs::file_time_type used;
    int64_t size;
    fs::path file;
  };
  std::vector<Entry> entries;
  int64_t total = 0;
  std::error_code problem;
  const fs::file_time_type now = fs::file_time_type::clock::now();
  for (fs::directory_iterator entry(folder_, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    std::error_code gone;  // another process may be shrinking too
    const fs::file_time_type used = entry->last_write_time(gone);
    const auto size = gone ? 0 : static_cast<int64_t>(entry->file_size(gone));
    if (gone) continue;
    const bool abandoned =
        entry->path().filename().string().starts_with(temporary_prefix) && now - used > std::chrono::hours(1);
    if (abandoned) fs::remove(entry->path(), gone);
    if (entry->path().extension() != extension) continue;
    entries.push_back({used, size, entry->path()});
    total += size;
  }
  if (total <= max_size_) return;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (total <= max_size_) return;
    fs::remove(entry.file, problem);
    total -= entry.size;
  }
}

}  // namespace tern::codegen
