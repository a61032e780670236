#include "base/file_mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "base/memory.h"
#include "base/system_error.h"

namespace tern {
namespace {

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

}  // namespace

FileMapping::FileMapping(std::string path, std::shared_ptr<const void> owner,
                         std::span<const std::byte> bytes)
    : path_(std::move(path)), owner_(std::move(owner)), bytes_(bytes), is_of_file_(true) {}

FileMapping::FileMapping(std::string name, std::vector<std::byte> bytes) : path_(std::move(name)) {
  const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  bytes_ = *owner;
  owner_ = owner;
}

void FileMapping::release(std::span<const std::byte> part) const {
  const auto inside = [&](const std::byte* place) {
    return !std::less<>()(place, bytes_.data()) && !std::less<>()(bytes_.data() + bytes_.size(), place);
  };
  if (is_of_file_ && inside(part.data()) && inside(part.data() + part.size())) release_mapped(part);
}

Expected<FileMapping> map_file(const std::string& path) {
  // O_NONBLOCK: opening a pipe must not wait for its writer; regular files do not notice.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) return system_error("cannot open the file", errno, {path});
  struct stat status {};
  if (fstat(file.number, &status) != 0) return system_error("cannot examine the file", errno, {path});
  if (S_ISDIR(status.st_mode)) return Error{"is a directory, not a file", {path}};
  if (!S_ISREG(status.st_mode)) return Error{"is not a regular file", {path}};
  if (status.st_size == 0) return Error{"the file is empty", {path}};
  const size_t size = static_cast<size_t>(status.st_size);
  void* const start = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
  if (start == MAP_FAILED) return system_error("cannot map the file", errno, {path});
  std::shared_ptr<const void> owner(start, [size](void* mapped) { munmap(mapped, size); });
  return FileMapping(path, std::move(owner), {static_cast<const std::byte*>(start), size});
}

}  // namespace tern
