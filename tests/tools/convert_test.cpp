// `tern convert` as users type it.
#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/tools/command.h"

namespace tern::tools {
namespace {

using ::testing::HasSubstr;

class Convert : public CommandTest {
 protected:
  std::string model(const std::string& shape = "tiny") const {
    EXPECT_EQ(run(fmt::format("synth --arch {} --vocab 1024 -o {}", shape, path("in.gguf"))).exit_code, 0);
    return path("in.gguf");
  }
};

TEST_F(Convert, GoesToAFolderAndBack) {
  const std::string in = model();
  const Outcome folder = run(fmt::format("convert {} -o {} --to safetensors", in, path("hf")));
  EXPECT_EQ(folder.exit_code, 0) << folder.errors;
  EXPECT_THAT(folder.errors, HasSubstr("no tokenizer.json was written"));
  const Outcome back = run(fmt::format("convert {} -o {} --to I2_S", path("hf"), path("out.gguf")));
  EXPECT_EQ(back.exit_code, 0) << back.errors;
  EXPECT_EQ(back.errors, "");  // no progress where nobody watches
  EXPECT_EQ(run("inspect --json --histogram " + path("out.gguf")).exit_code, 0);
}

TEST_F(Convert, ReadsBlocksOf64) {
  const std::string in = model();
  const std::string out = path("out.gguf");
  EXPECT_EQ(run(fmt::format("convert {} -o {} --to i2_s --i2s-order 64", in, out)).exit_code, 0);
  EXPECT_EQ(std::filesystem::file_size(out), std::filesystem::file_size(in));
  EXPECT_NE(read("out.gguf"), read("in.gguf"));
}

TEST_F(Convert, SaysWhatIsWrong) {
  const std::string in = model();
  EXPECT_EQ(run(fmt::format("convert {} -o {} --to i2_s", path("none"), path("a"))).exit_code, 2);
  EXPECT_EQ(run(fmt::format("convert {} -o {} --to tq9", in, path("a"))).exit_code, 2);
  EXPECT_EQ(run(fmt::format("convert {} -o {} --to safetensors", in, path("stdout"))).exit_code, 2);
  EXPECT_EQ(run(fmt::format("convert {} -o /dev/null --to i2_s", in)).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(path("a")));
}

TEST_F(Convert, InterruptedLeavesNothing) {
  const std::string in = model("large");
  std::filesystem::create_directory(path("out"));
  const pid_t child = start(fmt::format("convert {} -o {} --to safetensors", in, path("out/hf")));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  kill(child, SIGINT);
  int status = 0;
  const auto asked = std::chrono::steady_clock::now();
  waitpid(child, &status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - asked,
            std::chrono::seconds(5));  // a second, on an idle machine
  // A machine that needs less than 200 ms for it has finished.
  const bool finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!finished) {
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 130);
  }
  const auto left = std::distance(std::filesystem::directory_iterator(path("out")), {});
  EXPECT_EQ(left, finished ? 1 : 0);
}

}  // namespace
}  // namespace tern::tools
