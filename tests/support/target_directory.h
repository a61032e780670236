// A folder of target files that a test writes.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace tern::testing {

// A new directory, removed with its content; $TERN_TARGETS names it meanwhile.
class TargetDirectory {
 public:
  TargetDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tern-targets-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    setenv("TERN_TARGETS", ("/nowhere::" + path_.string()).c_str(), 1);
  }
  ~TargetDirectory() {
    unsetenv("TERN_TARGETS");
    std::filesystem::remove_all(path_);
  }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace tern::testing
