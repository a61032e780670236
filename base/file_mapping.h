// A file's bytes, mapped into memory read-only and shared by all who view them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/expected.h"

namespace tern {

// Copies share one mapping, which ends with the last of them. The bytes begin at a multiple of 16 and never
// move. Another process that truncates the file meanwhile ends ours with SIGBUS, as with any mapping.
class FileMapping {
 public:
  // Bytes that are in memory already, under the name that errors shall give them.
  FileMapping(std::string name, std::vector<std::byte> bytes);

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  // Takes the whole pages of `part` out of this process's memory; what reads them next gets them from the
  // file again. Does nothing where `part` lies elsewhere, or the bytes are no mapped file's.
  void release(std::span<const std::byte> part) const;

 private:
  friend Expected<FileMapping> map_file(const std::string& path);
  FileMapping(std::string path, std::shared_ptr<const void> owner, std::span<const std::byte> bytes);

  std::string path_;
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
  bool is_of_file_ = false;
};

// Maps a regular file. Errors: it is missing, empty, or a directory or other special file; it may not be
// read, or memory for the mapping is lacking (of kind machine).
Expected<FileMapping> map_file(const std::string& path);

}  // namespace tern
