// Running the built program as a user would.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace tern::tools {

struct Outcome {
  int exit_code = -1;  // -1: the program was killed by a signal
  std::string output, errors;
};

// Files of one test, gone with it.
class CommandTest : public ::testing::Test {
 protected:
  CommandTest()
      : folder_(std::filesystem::path(::testing::TempDir()) / ("tern_tools_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    setenv("TERN_DATABASE", path("records").c_str(), 1);  // not what was tuned on this machine
  }
  ~CommandTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

  std::string read(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  // Runs `tern` with arguments as a shell takes them.
  Outcome run(const std::string& arguments) const { return run_program(TERN_PROGRAM, arguments); }

  Outcome run_program(const std::string& program, const std::string& arguments) const {
    const std::string line =
        fmt::format("'{}' {} >'{}' 2>'{}'", program, arguments, path("stdout"), path("stderr"));
    const int status = std::system(line.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read("stdout"), read("stderr")};
  }

  // Begins a command and does not wait for it. What it says goes to the files stdout and stderr.
  pid_t start(const std::string& arguments) const {
    const pid_t child = fork();
    if (child == 0) {
      const std::string command =
          fmt::format("exec '{}' {} >'{}' 2>'{}'", TERN_PROGRAM, arguments, path("stdout"), path("stderr"));
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    return child;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace tern::tools
