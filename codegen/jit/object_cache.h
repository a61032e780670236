// Compiled objects on disk, so that a kernel is compiled once for each user and CPU.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/expected.h"

namespace tern::codegen {

// A folder of objects. Only its owner can read or write it (mode 0700); an object is loaded only if its
// content matches the checksum stored with it; files are written beside and renamed into place; past
// `max_size` bytes the objects used least recently go.
class ObjectCache {
 public:
  static constexpr int64_t default_max_size = int64_t{256} << 20;

  // Opens the folder, making it if need be. Fails, naming the folder, if it cannot be made, read or written,
  // or belongs to or is open to somebody else.
  static Expected<ObjectCache> open(std::filesystem::path folder, int64_t max_size = default_max_size);

  // $TERN_CACHE, else $XDG_CACHE_HOME/tern, else ~/.cache/tern.
  static std::filesystem::path default_folder();

  // The object stored for a key; nothing if there is none or it is damaged.
  std::optional<std::string> load(std::string_view key) const;

  // Stores an object. A failure (a full disk, say) only means that it will be compiled again.
  void store(std::string_view key, std::string_view object) const;

  const std::filesystem::path& folder() const { return folder_; }

 private:
  ObjectCache(std::filesystem::path folder, int64_t max_size)
      : folder_(std::move(folder)), max_size_(max_size) {}
  std::filesystem::path file_of(std::string_view key) const;
  void shrink() const;

  std::filesystem::path folder_;
  int64_t max_size_;
};

}  // namespace tern::codegen
