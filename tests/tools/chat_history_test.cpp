// The file of typed lines, text on terminals, and what Tab offers.
#include "tools/chat/chat_history.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "command.h"
#include "tools/chat/chat_commands.h"
#include "tools/options/terminal_text.h"

namespace tern::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ChatHistoryTest : public CommandTest {};

TEST_F(ChatHistoryTest, WhatIsAppendedIsLoaded) {
  const std::string file = path("new/folder/history");
  EXPECT_THAT(*load_chat_history(file), IsEmpty());
  for (const std::string line : {"a", "日本", " ", "", "es\033cape", "two\nlines", "tab\there", "\xff"})
    ASSERT_TRUE(append_chat_history(file, line));
  ASSERT_TRUE(append_chat_history(file, std::string(most_history_bytes / 2, 'x')));
  EXPECT_THAT(*load_chat_history(file), ElementsAre("a", "日本", "tab\there"));
  struct stat status = {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(ChatHistoryTest, TheFileIsBounded) {
  std::string text;
  for (size_t i = 0; i < 5000; ++i) text += fmt::format("line {}\n", i);
  const std::string file = write("many", text);
  const std::vector<std::string> lines = *load_chat_history(file);
  ASSERT_EQ(lines.size(), most_history_lines);
  EXPECT_EQ(lines.back(), "line 4999");
  EXPECT_EQ(*load_chat_history(file), lines);
  EXPECT_LT(read("many").size(), text.size() / 2);
  const std::string large = write("large", std::string(3 * most_history_bytes, 'x') + "\nlast\n");
  EXPECT_THAT(*load_chat_history(large), ElementsAre("last"));
  EXPECT_EQ(read("large"), "last\n");
}

TEST_F(ChatHistoryTest, WhatIsNoFileOfOursIsRefused) {
  const std::string pipe = path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(load_chat_history(pipe).error().text(), HasSubstr("no regular file"));
  EXPECT_FALSE(append_chat_history(pipe, "a"));
  EXPECT_FALSE(append_chat_history(write("file", "") + "/x", "a"));
}

TEST_F(ChatHistoryTest, ItsPlaceFollowsTheEnvironment) {
  setenv("HOME", "/home/a", 1);
  unsetenv("XDG_STATE_HOME");
  EXPECT_EQ(chat_history_path(), "/home/a/.local/state/tern/chat_history");
  setenv("XDG_STATE_HOME", "/state", 1);
  EXPECT_EQ(chat_history_path(), "/state/tern/chat_history");
  setenv("XDG_STATE_HOME", "relative", 1);
  unsetenv("HOME");
  EXPECT_EQ(chat_history_path(), "");
  unsetenv("XDG_STATE_HOME");
}

TEST(TerminalTextTest, ControlCharactersAreWrittenOut) {
  EXPECT_EQ(terminal_text("a\tb\n日本 é"), "a\tb\n日本 é");
  EXPECT_EQ(terminal_text("\033[31m\r\x7f\a"), "\\x1b[31m\\x0d\\x7f\\x07");
  EXPECT_EQ(terminal_text("\u009b31m\u00a0"), "\\u009b31m\u00a0");
  EXPECT_EQ(terminal_text("a\xff\xc3z\xe3\x81"), "a\\xff\\xc3z\\xe3\\x81");
  EXPECT_EQ(terminal_text(std::string_view("\0", 1)), "\\x00");
}

TEST_F(ChatHistoryTest, CommandsAreCompleted) {
  EXPECT_THAT(complete_chat_command("/he"), ElementsAre("lp "));
  EXPECT_THAT(complete_chat_command("/s"), ElementsAre("ave ", "tats ", "ystem "));
  EXPECT_THAT(complete_chat_command("/x"), IsEmpty());
  EXPECT_THAT(complete_chat_command("/think o"), ElementsAre("n", "ff"));
  EXPECT_THAT(complete_chat_command("a question"), ElementsAre("\t"));
  write("one.json", "");
  write("one\033.json", "");
  write(".one", "");
  EXPECT_THAT(complete_chat_command("/load " + path("o")), ElementsAre("ne.json"));
  EXPECT_THAT(complete_chat_command("/load " + path("none/o")), IsEmpty());
}

}  // namespace
}  // namespace tern::tools
