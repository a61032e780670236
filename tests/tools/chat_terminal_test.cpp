// tern chat at a terminal: how lines are edited, what is shown, and what Ctrl-C does.
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>

#include "command.h"

namespace tern::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A program behind a pseudo-terminal, ended with this value.
class Terminal {
 public:
  Terminal(const std::string& arguments, const std::string& state_folder) {
    child_ = forkpty(&side_, nullptr, nullptr, nullptr);
    if (child_ != 0) return;
    setenv("TERM", "xterm", 1);
    setenv("XDG_STATE_HOME", state_folder.c_str(), 1);
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

  void resize(unsigned short columns) const {
    const winsize size = {24, columns, 0, 0};
    ASSERT_EQ(ioctl(side_, TIOCSWINSZ, &size), 0);
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

class ChatTerminalTest : public CommandTest {
 protected:
  ChatTerminalTest() { setenv("HOME", path("home").c_str(), 1); }

  Terminal chat(const std::string& arguments) const {
    return {"chat --no-cache --temp 0 " + arguments, path("state")};
  }

  // Types the keys as one line after the prompt, and waits for the prompt after what they bring. The terminal
  // has shown its first prompt before.
  static void enter(Terminal& terminal, const std::string& keys) {
    terminal.type(keys + "\n");
    ASSERT_THAT(terminal.read_until("\n> "), HasSubstr("\n> "));
  }

  // The text of the file that the command /save writes in this terminal.
  std::string saved(Terminal& terminal) const {
    enter(terminal, "/save " + path("talk.json"));
    return read("talk.json");
  }

  static void end(Terminal& terminal) {
    terminal.type("\x04");
    EXPECT_EQ(terminal.exit_code(), 0);
  }
};

TEST_F(ChatTerminalTest, CtrlCStopsTheAnswerOnly) {
  // The answer has more text than a terminal holds unread, so it cannot end before Ctrl-C is typed.
  Terminal terminal = chat("-n 100000 -c 20000 --template chatml");
  ASSERT_THAT(terminal.read_until("> "), HasSubstr("> "));
  for (const std::string interrupts : {"\x03", "\x03\x03"}) {
    terminal.type("It was\n");
    // The question is echoed; a word after it is the answer's.
    ASSERT_THAT(terminal.read_until("It was\r\n"), HasSubstr("It was"));
    ASSERT_THAT(terminal.read_until(" "), HasSubstr(" "));
    terminal.type(interrupts);
    ASSERT_THAT(terminal.read_until("tern: the answer was stopped"), HasSubstr("was stopped"));
    ASSERT_THAT(terminal.read_until("> "), HasSubstr("> "));
  }
  terminal.type("/quit\n");
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST_F(ChatTerminalTest, SeveralLinesHaveAPromptOfTheirOwn) {
  Terminal terminal = chat("-n 2 --template chatml");
  terminal.read_until("> ");
  terminal.type("a \\\n");
  ASSERT_THAT(terminal.read_until("\n. "), HasSubstr("\n. "));
  enter(terminal, "b");
  EXPECT_THAT(saved(terminal), HasSubstr("\"content\": \"a \\nb\""));
  end(terminal);
}

// A template that ends in <think> makes a thought of all that the model says.
TEST_F(ChatTerminalTest, ThoughtsAreDimmedOrHidden) {
  const std::string file = write("thinking.jinja", "{{ messages[-1].content }}<think>\n");
  Terminal dimmed = chat("-n 5 --template '" + file + "'");
  dimmed.read_until("> ");
  dimmed.type("It was\n");
  ASSERT_THAT(dimmed.read_until("\033[2m"), HasSubstr("\033[2m"));
  EXPECT_THAT(dimmed.read_until("\033[0m"), HasSubstr("\033[0m"));
  dimmed.read_until("> ");
  const std::string talk = saved(dimmed);
  EXPECT_THAT(talk, HasSubstr("reasoning_content"));
  end(dimmed);
  Terminal hidden = chat("-n 5 --hide-thinking --template '" + file + "'");
  hidden.read_until("> ");
  hidden.type("It was\n");
  hidden.read_until("It was\r\n");
  EXPECT_EQ(hidden.read_until("tern: "), "\r\ntern: ");
  hidden.read_until("> ");
  EXPECT_EQ(saved(hidden), talk);
  end(hidden);
}

// What a template or a model says cannot speak to the terminal.
TEST_F(ChatTerminalTest, ControlCharactersAreWrittenOut) {
  const std::string file = write("red.jinja", "{{ raise_exception('\033[31mred') }}");
  Terminal terminal = chat("-n 5 --template '" + file + "'");
  terminal.read_until("> ");
  terminal.type("a\n");
  const std::string shown = terminal.read_until("mred");
  EXPECT_THAT(shown, HasSubstr("\\x1b[31mred"));
  EXPECT_THAT(shown, Not(HasSubstr("\033[31m")));
  terminal.read_until("> ");
  end(terminal);
}

#if TERN_LIBEDIT

TEST_F(ChatTerminalTest, TheFormerLineComesBack) {
  Terminal terminal = chat("-n 2 --template chatml");
  terminal.read_until("> ");
  enter(terminal, "It was");
  enter(terminal, "one");
  enter(terminal, "/reset");
  enter(terminal, "\033[A\033[A\033[A");
  EXPECT_THAT(saved(terminal), HasSubstr("\"content\": \"It was\""));
  enter(terminal, "/reset");
  enter(terminal, "\x12ne");  // Ctrl-R, and what the line holds
  EXPECT_THAT(saved(terminal), HasSubstr("\"content\": \"one\""));
  end(terminal);
}

TEST_F(ChatTerminalTest, LinesAreEditedByCharacters) {
  Terminal terminal = chat("-n 2 --template chatml");
  terminal.read_until("> ");
  enter(terminal, "ac\033[Db");
  EXPECT_THAT(saved(terminal), HasSubstr("\"content\": \"abc\""));
  enter(terminal, "/reset");
  enter(terminal, "日本x\x7f\033[D語é\x7f");  // Backspace takes a whole character
  EXPECT_THAT(saved(terminal), HasSubstr("\"content\": \"日語本\""));
  end(terminal);
}

TEST_F(ChatTerminalTest, CtrlCDropsTheLineAndLeavesFromAnEmptyOne) {
  Terminal terminal = chat("-n 2 --template chatml");
  terminal.read_until("> ");
  terminal.type("/quit");
  terminal.read_until("/quit");
  terminal.type("\x03");
  ASSERT_THAT(terminal.read_until("\n> "), HasSubstr("\n> "));
  terminal.type("a \\\n");
  terminal.read_until("\n. ");
  terminal.type("b\x03");  // drops the line before it too
  ASSERT_THAT(terminal.read_until("\n> "), HasSubstr("\n> "));
  EXPECT_THAT(saved(terminal), HasSubstr("\"messages\": []"));
  terminal.type("\x03");
  ASSERT_THAT(terminal.read_until("\n> "), HasSubstr("Ctrl-C again"));
  terminal.type("\x03");
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST_F(ChatTerminalTest, TabCompletesCommandsAndFiles) {
  write("a file.json", R"({"messages": [{"role": "user", "content": "found"}]})");
  Terminal terminal = chat("-n 2 --template chatml");
  terminal.read_until("> ");
  enter(terminal, "/lo\t" + path("a f") + "\t");
  EXPECT_THAT(saved(terminal), HasSubstr("\"content\": \"found\""));
  end(terminal);
}

TEST_F(ChatTerminalTest, LinesAreKeptForTheNextRun) {
  {
    Terminal first = chat("-n 2 --template chatml");
    first.read_until("> ");
    enter(first, "kept 日本");
    end(first);
  }
  struct stat status = {};
  ASSERT_EQ(stat(path("state/tern/chat_history").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(read("state/tern/chat_history"), "kept 日本\n");
  Terminal second = chat("-n 2 --no-history --template chatml");
  second.read_until("> ");
  enter(second, "unknown");
  end(second);
  Terminal third = chat("-n 2 --template chatml");
  third.read_until("> ");
  enter(third, "\033[A");
  EXPECT_THAT(saved(third), HasSubstr("\"content\": \"kept 日本\""));
  end(third);
}

TEST_F(ChatTerminalTest, AHistoryThatCannotBeKeptIsToldOnce) {
  write("state", "a file where the folder should be");
  Terminal terminal = chat("-n 2 --template chatml");
  terminal.read_until("> ");
  terminal.type("a\n");
  EXPECT_THAT(terminal.read_until("\n> "), HasSubstr("are not kept"));
  terminal.type("b\n");
  EXPECT_THAT(terminal.read_until("\n> "), Not(HasSubstr("are not kept")));
  end(terminal);
}

TEST_F(ChatTerminalTest, TheTerminalMayChangeItsSize) {
  Terminal terminal = chat("-n 2 --template chatml");
  terminal.read_until("> ");
  terminal.type("one two");
  terminal.read_until("two");
  terminal.resize(10);
  enter(terminal, " three four five six\033[D\033[D\033[D-");
  EXPECT_THAT(saved(terminal), HasSubstr("\"content\": \"one two three four five -six\""));
  end(terminal);
}

#endif

}  // namespace
}  // namespace tern::tools
