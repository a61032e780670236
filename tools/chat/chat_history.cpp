#include "tools/chat/chat_history.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/system_error.h"
#include "base/utf8.h"
#include "tools/options/terminal_text.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

// The longest line that is kept, in bytes.
constexpr size_t longest_line = most_history_bytes / 16;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

fs::path absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  const fs::path path = value != nullptr ? value : "";
  return path.is_absolute() ? path : fs::path();
}

// Why an open file must not be read or written; its size otherwise.
Expected<size_t> checked_size(int descriptor, const std::string& path) {
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return system_error("cannot be read", errno, {path});
  if (!S_ISREG(status.st_mode)) return Error{"is no regular file", {path}};
  if (status.st_uid != geteuid()) return machine_error("belongs to another user", {path});
  return static_cast<size_t>(status.st_size);
}

bool is_kept(const std::string& line) {
  const bool blank = line.find_first_not_of(" \t") == line.npos;
  const bool one_line = line.find('\n') == line.npos;
  return !blank && one_line && line.size() <= longest_line && terminal_text(line) == line;
}

Status write_all(int descriptor, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("cannot be written", errno, {path});
    text.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

// Puts a file with these lines in the place of `path`.
Status replace_file(const std::string& path, const std::vector<std::string>& lines) {
  const std::string temporary = fmt::format("{}.{}", path, getpid());
  const Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return system_error("cannot be written", errno, {temporary});
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  Status written = write_all(file.get(), text, temporary);
  if (written && rename(temporary.c_str(), path.c_str()) != 0)
    written = system_error("cannot be replaced", errno, {path});
  if (!written) unlink(temporary.c_str());
  return written;
}

}  // namespace

std::string chat_history_path() {
  fs::path folder = absolute_variable("XDG_STATE_HOME");
  if (folder.empty()) {
    const fs::path home = absolute_variable("HOME");
    if (home.empty()) return {};
    folder = home / ".local" / "state";
  }
  return (folder / "tern" / "chat_history").string();
}

Expected<std::vector<std::string>> load_chat_history(const std::string& path) {
  std::vector<std::string> lines;
  // Without O_NONBLOCK opening a FIFO waits for its other end.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return lines;
    return system_error("cannot be read", errno, {path});
  }
  TERN_ASSIGN(const size_t size, checked_size(file.get(), path));
  const size_t from = size - std::min(size, most_history_bytes);
  std::string text(size - from, '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count =
        pread(file.get(), text.data() + done, text.size() - done, static_cast<off_t>(from + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("cannot be read", errno, {path});
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  text.resize(done);
  if (from > 0) text.erase(0, text.find('\n'));  // the rest of a line
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (is_kept(line)) lines.push_back(std::move(line));
    begin = end + 1;
  }
  const bool beyond = from > 0 || lines.size() > most_history_lines;
  if (lines.size() > most_history_lines)
    lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(most_history_lines));
  if (beyond) {
    // Where the file cannot be made shorter, appending will say why.
    const Status shortened = replace_file(path, lines);
    static_cast<void>(shortened);
  }
  return lines;
}

Status append_chat_history(const std::string& path, const std::string& line) {
  if (!is_kept(line)) return {};
  const fs::path folder = fs::path(path).parent_path();
  fs::path made;
  for (const fs::path& part : folder) {
    made /= part;
    if (mkdir(made.c_str(), 0700) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
      return system_error("cannot be made", errno, {made.string()});
  }
  const Descriptor file(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  if (file.get() < 0) return system_error("cannot be written", errno, {path});
  TERN_TRY(checked_size(file.get(), path));
  if (fchmod(file.get(), 0600) != 0) return system_error("cannot be kept private", errno, {path});
  return write_all(file.get(), line + '\n', path);
}

}  // namespace tern::tools
