// Writing a file so that it is either complete or not there at all.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/expected.h"

namespace tern {

// Collects bytes in a temporary file in the target's folder; commit() puts that file in the target's place.
// Without a commit (an error, an exception) nothing is left behind and an older file stays as it was. Where
// the file system can do so, the temporary file has no name, so that not even a killed process leaves one.
class AtomicFile {
 public:
  // Errors: the folder is missing, or `path` exists and is not a regular file; the folder may not be written
  // to (of kind machine).
  static Expected<AtomicFile> create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Appends. Errors: those of the file system, such as a full disk, of kind machine.
  Status write(std::span<const std::byte> bytes);

  // Makes the bytes durable, then visible under the target's name. Call it once, last.
  Status commit();

 private:
  AtomicFile(std::string path, std::string temporary, int descriptor);
  Error failure(const std::string& what) const;

  std::string path_;       // the target, symbolic links resolved
  std::string temporary_;  // empty while the temporary file has no name
  int descriptor_;
};

}  // namespace tern
