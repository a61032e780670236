// tern chat without a terminal: lines in, answers out.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "command.h"

namespace tern::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ChatTest : public CommandTest {
 protected:
  Outcome chat(const std::string& lines, const std::string& arguments = "--template chatml") const {
    return run("chat --no-cache --temp 0 -n 12 " + arguments + " <'" + write("lines", lines) + "'");
  }
};

TEST_F(ChatTest, AModelWithoutTemplateIsRefusedWithAdvice) {
  const Outcome outcome = chat("hello\n", "");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.errors, HasSubstr("has no chat template"));
  EXPECT_THAT(outcome.errors, HasSubstr("--template NAME"));
}

TEST_F(ChatTest, EveryBuiltInTemplateAnswers) {
  for (const std::string name :
       {"chatml", "llama3", "falcon3", "bitnet-2b4t", "llama2", "gemma", "hunyuan"}) {
    const Outcome outcome = chat("It was\n", "--template " + name);
    EXPECT_EQ(outcome.exit_code, 0) << name << outcome.errors;
    EXPECT_GT(outcome.output.size(), 3u) << name;
  }
}

// The second question is answered from kept keys and values; a session that loads the conversation computes
// all of them. Both give the same text.
TEST_F(ChatTest, WhatIsKeptChangesNoAnswer) {
  const Outcome both = chat("One day\n/save " + path("talk.json") + "\nAnd then\n/stats\n");
  ASSERT_EQ(both.exit_code, 0) << both.errors;
  EXPECT_THAT(both.errors, Not(HasSubstr(", 0 kept")));
  const Outcome loaded = chat("/load " + path("talk.json") + "\nAnd then\n/stats\n");
  ASSERT_EQ(loaded.exit_code, 0) << loaded.errors;
  EXPECT_THAT(loaded.errors, HasSubstr(", 0 kept"));
  EXPECT_TRUE(both.output.ends_with(loaded.output)) << both.output << "---" << loaded.output;
  EXPECT_LT(loaded.output.size(), both.output.size());
}

TEST_F(ChatTest, SeveralLinesAreOneQuestion) {
  ASSERT_EQ(chat("a \\\nb\n/save " + path("joined.json") + "\n").exit_code, 0);
  EXPECT_THAT(read("joined.json"), HasSubstr("\"content\": \"a \\nb\""));
  ASSERT_EQ(chat("\"\"\"\na\n\nb\n\"\"\"\n/save " + path("block.json") + "\n").exit_code, 0);
  EXPECT_THAT(read("block.json"), HasSubstr("\"content\": \"a\\n\\nb\""));
}

TEST_F(ChatTest, NoThinkingIsToldToTheTemplate) {
  const std::string asks = write("asks.jinja",
                                 "It {% if enable_thinking is defined and not enable_thinking %}was"
                                 "{% else %}is{% endif %}");
  const std::string was = write("was.jinja", "It was"), is = write("is.jinja", "It is");
  const std::string with = chat("a\n", "--no-thinking --template '" + asks + "'").output;
  EXPECT_EQ(with, chat("a\n", "--template '" + was + "'").output);
  EXPECT_EQ(with, chat("/think off\na\n", "--template '" + asks + "'").output);
  EXPECT_EQ(chat("a\n", "--template '" + asks + "'").output, chat("a\n", "--template '" + is + "'").output);
  EXPECT_NE(with, chat("a\n", "--template '" + asks + "'").output);
}

// What cannot be loaded or saved changes neither the conversation nor a file.
TEST_F(ChatTest, LoadAndSaveAreWholeOrNothing) {
  write("bad.json", "{\"messages\": [{\"role\": \"user\"}, {}]}");
  write("good.json", "{\"messages\": [{\"role\": \"user\", \"content\": \"kept\"}]}");
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  for (const std::string wrong : {"bad.json", "missing.json", "pipe", ""}) {
    const Outcome outcome = chat("/load " + path(wrong) + "\n");
    EXPECT_EQ(outcome.exit_code, 2) << wrong;
    EXPECT_THAT(outcome.errors, HasSubstr(path(wrong))) << wrong;
  }
  EXPECT_THAT(chat("/load /dev/zero\n").errors, HasSubstr("no regular file"));
  EXPECT_THAT(chat("/load\n").errors, HasSubstr("needs the name"));
  EXPECT_THAT(chat("/save\n").errors, HasSubstr("needs the name"));
  EXPECT_NE(chat("/save " + path("no/folder.json") + "\n").exit_code, 0);
  EXPECT_EQ(chat("/load " + path("good.json") + "\n/save " + path("copy.json") + "\n").exit_code, 0);
  EXPECT_THAT(read("copy.json"), HasSubstr("\"kept\""));
  // Bytes that are no text are saved as what can be read again.
  ASSERT_EQ(chat("a\xffz\n/save " + path("odd.json") + "\n").exit_code, 0);
  EXPECT_EQ(chat("/load " + path("odd.json") + "\n").exit_code, 0);
  EXPECT_THAT(read("odd.json"), HasSubstr("a\uFFFDz"));
}

TEST_F(ChatTest, CommandsDoWhatHelpSays) {
  const Outcome help = chat("/help\n");
  for (const std::string name : {"system", "reset", "save", "load", "stats", "regenerate", "think", "quit"})
    EXPECT_THAT(help.output, HasSubstr("/" + name)) << name;
  // /reset keeps the system text, /system replaces it and forgets the rest.
  const std::string copy = "/save " + path("copy.json") + "\n";
  ASSERT_EQ(chat("/system Be brief\na\n/reset\n" + copy).exit_code, 0);
  EXPECT_THAT(read("copy.json"), HasSubstr("Be brief"));
  EXPECT_THAT(read("copy.json"), Not(HasSubstr("user")));
  ASSERT_EQ(chat("/system Be brief\na\n/system\n" + copy).exit_code, 0);
  EXPECT_THAT(read("copy.json"), HasSubstr("\"messages\": []"));
  ASSERT_EQ(chat("a\n/regenerate\n" + copy).exit_code, 0);
  const std::string talk = read("copy.json");
  EXPECT_EQ(talk.find("\"assistant\""), talk.rfind("\"assistant\""));
  EXPECT_NE(talk.find("\"assistant\""), talk.npos);
}

TEST_F(ChatTest, WrongInputIsTold) {
  write("bad.json", "{\"messages\": [\n  {]}");
  const Outcome bad = chat("/load " + path("bad.json") + "\n");
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.errors, HasSubstr("bad.json:2:"));
  EXPECT_THAT(chat("/nothing\n").errors, HasSubstr("/help lists them"));
  EXPECT_THAT(chat("/regenerate\n").errors, HasSubstr("no answer yet"));
  EXPECT_THAT(chat("hello\n", "--template nobody").errors, HasSubstr("there is no template 'nobody'"));
  EXPECT_THAT(chat("hello\n", "--template chatml -c 4").errors, HasSubstr("the context is full"));
  write("own.jinja", "{{ messages[0].content }}\n{% if x");
  EXPECT_THAT(chat("hello\n", "--template " + path("own.jinja")).errors, HasSubstr("own.jinja:2:"));
}

// --stop cuts before its text, wherever tokens begin, and what was generated for it is in no message.
TEST_F(ChatTest, StopStringsEndTheText) {
  const std::string options = "run --no-cache --temp 0 -n 12 --no-prompt -p 'It was' ";
  const Outcome whole = run(options);
  ASSERT_EQ(whole.exit_code, 0) << whole.errors;
  for (size_t from = 1; from + 5 < whole.output.size(); from += 3) {
    const std::string stop = whole.output.substr(from, 4);
    const std::string expected = whole.output.substr(0, whole.output.find(stop));
    const Outcome cut = run(options + "--stop 'never this' --stop '" + stop + "'");
    EXPECT_EQ(cut.output, expected + "\n") << stop;
    EXPECT_EQ(cut.errors, "");
    const Outcome json = run(options + "--json --stop '" + stop + "'");
    EXPECT_THAT(json.output, HasSubstr(fmt::format("\"text\":\"{}\"", expected))) << stop;
  }
  const Outcome talk = chat("It was\n");
  const std::string stop = talk.output.substr(4, 3);
  const std::string begun = talk.output.substr(0, talk.output.find(stop));
  const Outcome cut =
      chat("It was\n/save " + path("cut.json") + "\n", "--template chatml --stop '" + stop + "'");
  EXPECT_EQ(cut.output, begun + "\n");
  EXPECT_THAT(read("cut.json"), HasSubstr(fmt::format("\"content\": \"{}\"", begun)));
  EXPECT_EQ(run(options + "--stop ''").exit_code, 2);
}

// `tern run --chat` is the first answer of `tern chat`.
TEST_F(ChatTest, RunAnswersOneQuestion) {
  const std::string options = "run --no-cache --temp 0 -n 12 --chat ";
  const Outcome talk = chat("It was\n", "--template chatml --system 'Be brief'");
  const Outcome once = run(options + "--template chatml --system 'Be brief' -p 'It was'");
  ASSERT_EQ(once.exit_code, 0) << once.errors;
  EXPECT_EQ(once.output, talk.output);
  EXPECT_NE(run(options + "--template llama2 -p 'It was'").output, once.output);
  const Outcome file =
      run(options + "--template chatml --system 'Be brief' -f '" + write("ask", "It was") + "'");
  EXPECT_EQ(file.output, once.output);
  EXPECT_THAT(run(options + "-p 'It was'").errors, HasSubstr("has no chat template"));
  EXPECT_THAT(run(options + "--template chatml").errors, HasSubstr("needs a question"));
  EXPECT_NE(run(options + "--template chatml --json -p a").exit_code, 0);
  EXPECT_NE(run("run --no-cache -n 1 --template chatml -p a").exit_code, 0);
}

}  // namespace
}  // namespace tern::tools
