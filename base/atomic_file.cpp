#include "base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/system_error.h"

namespace tern {
namespace {

constexpr mode_t mode = 0666;  // less the user's umask

// A name beside the target that no other thread or live process uses.
std::string temporary_name(const std::filesystem::path& target) {
  static std::atomic<unsigned> counter{0};
  const std::string name =
      fmt::format(".{}.{}.{}.tmp", target.filename().string(), getpid(), counter.fetch_add(1));
  return (target.parent_path() / name).string();
}

// The file behind symbolic links, so that a commit replaces the file and not the link.
std::filesystem::path resolved(const std::string& path) {
  std::error_code ignored;
  std::filesystem::path target = std::filesystem::weakly_canonical(path, ignored);
  return target.empty() ? std::filesystem::path(path) : target;
}

// A name is kept by the folder that it is in.
Status make_name_durable(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return {};  // a folder that may be written but not read; what can be done was done
  const int problem = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  if (problem == 0 || problem == EINVAL) return {};  // EINVAL: a file system that cannot do this
  return system_error("cannot write", problem, {folder.string()});
}

}  // namespace

AtomicFile::AtomicFile(std::string path, std::string temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Error AtomicFile::failure(const std::string& what) const {
  return system_error(what, errno, {path_});
}

Expected<AtomicFile> AtomicFile::create(const std::string& path) {
  const std::filesystem::path target = resolved(path);
  struct stat status {};
  if (stat(target.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return Error{"cannot write: it exists and is not a regular file", {path}};
  }
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  const int unnamed = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
  if (unnamed >= 0) return AtomicFile(target.string(), "", unnamed);
  const std::string temporary = temporary_name(target);
  const int named = open(temporary.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
  if (named >= 0) return AtomicFile(target.string(), temporary, named);
  return system_error("cannot write", errno, {path});
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure("cannot write");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Status AtomicFile::commit() {
  if (fsync(descriptor_) != 0) return failure("cannot write");
  if (temporary_.empty()) {
    // A nameless file can be given a new name but cannot replace a file: hence a link, then a rename.
    const std::string source = "/proc/self/fd/" + std::to_string(descriptor_);
    std::string name;
    int linked;
    do {
      name = temporary_name(path_);  // one may be taken: by a process of our number that was killed just here
      linked = linkat(AT_FDCWD, source.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
    } while (linked != 0 && errno == EEXIST);
    if (linked != 0) return failure("cannot name the finished file");
    temporary_ = name;
  }
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return failure("cannot replace the file");
  temporary_.clear();
  return make_name_durable(path_);
}

}  // namespace tern
