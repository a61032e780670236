// tern chat at a terminal: what it shows there, and what Ctrl-C does.
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>

#include <csignal>

#include "command.h"

namespace tern::tools {
namespace {

using ::testing::HasSubstr;

// A program behind a pseudo-terminal, ended with this value.
class Terminal {
 public:
  explicit Terminal(const std::string& arguments) {
    child_ = forkpty(&side_, nullptr, nullptr, nullptr);
    if (child_ != 0) return;
    const std::string command = fmt::format("exec '{}' {}", TERN_PROGRAM, arguments);
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(side_);
  }

  void type(const std::string& keys) const {
    ASSERT_EQ(write(side_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  // What was shown up to and with `text`, since the call before; all that came, if the program ends or says
  // nothing for a minute before `text` has come.
  std::string read_until(const std::string& text) {
    size_t found = 0;
    while ((found = shown_.find(text)) == shown_.npos && read_more()) {
    }
    const size_t end = found == shown_.npos ? shown_.size() : found + text.size();
    std::string part = shown_.substr(0, end);
    shown_.erase(0, end);
    return part;
  }

  // The program's exit code; -1 if a signal ended it or a minute brought no end.
  int exit_code() {
    while (read_more()) shown_.clear();
    pollfd wait = {side_, POLLIN, 0};
    if (poll(&wait, 1, 0) == 0) return -1;  // a minute has passed
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  bool read_more() {
    pollfd wait = {side_, POLLIN, 0};
    if (poll(&wait, 1, 60'000) != 1) return false;
    char buffer[4096];
    const ssize_t count = read(side_, buffer, sizeof buffer);
    if (count <= 0) return false;
    shown_.append(buffer, static_cast<size_t>(count));
    return true;
  }

  int side_ = -1;
  pid_t child_ = 0;
  std::string shown_;
};

class ChatTerminalTest : public CommandTest {};

TEST_F(ChatTerminalTest, CtrlCStopsTheAnswerOnly) {
  // The answer has more text than a terminal holds unread, so it cannot end before Ctrl-C is typed.
  Terminal terminal("chat --no-cache --temp 0 -n 100000 -c 20000 --template chatml");
  ASSERT_THAT(terminal.read_until("> "), HasSubstr("> "));
  terminal.type("It was\n");
  // The question is echoed; a word after it is the answer's.
  ASSERT_THAT(terminal.read_until("It was\r\n"), HasSubstr("It was"));
  ASSERT_THAT(terminal.read_until(" "), HasSubstr(" "));
  terminal.type("\x03");
  ASSERT_THAT(terminal.read_until("tern: the answer was stopped"), HasSubstr("was stopped"));
  ASSERT_THAT(terminal.read_until("> "), HasSubstr("> "));
  terminal.type("/quit\n");
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST_F(ChatTerminalTest, SeveralLinesHaveAPromptOfTheirOwn) {
  Terminal terminal("chat --no-cache --temp 0 -n 2 --template chatml");
  terminal.read_until("> ");
  terminal.type("a \\\n");
  ASSERT_THAT(terminal.read_until("\n. "), HasSubstr("\n. "));
  terminal.type("b\n");
  ASSERT_THAT(terminal.read_until("\n> "), HasSubstr("\n> "));
  terminal.type("/save " + path("joined.json") + "\n");
  ASSERT_THAT(terminal.read_until("\n> "), HasSubstr("\n> "));
  EXPECT_THAT(read("joined.json"), HasSubstr("\"content\": \"a \\nb\""));
  terminal.type("\x04");
  EXPECT_EQ(terminal.exit_code(), 0);
}

// A template that ends in <think> makes a thought of all that the model says.
TEST_F(ChatTerminalTest, ThoughtsAreDimmed) {
  const std::string file = write("thinking.jinja", "{{ messages[-1].content }}<think>\n");
  Terminal terminal("chat --no-cache --temp 0 -n 5 --template '" + file + "'");
  terminal.read_until("> ");
  terminal.type("It was\n");
  ASSERT_THAT(terminal.read_until("\033[2m"), HasSubstr("\033[2m"));
  EXPECT_THAT(terminal.read_until("\033[0m"), HasSubstr("\033[0m"));
  terminal.read_until("> ");
  terminal.type("\x04");
  EXPECT_EQ(terminal.exit_code(), 0);
}

}  // namespace
}  // namespace tern::tools
