// Models with chat templates of their own: where their answers end, and what `tern inspect` says of them.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "command.h"
#include "tests/support/changed_model.h"

namespace tern::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ChatTemplateFileTest : public CommandTest {
 protected:
  std::string model(const std::vector<std::pair<std::string, runtime::GgufValue>>& changes) const {
    runtime::write_changed_model(path("model.gguf"), changes);
    return path("model.gguf");
  }

  // The model in the box, with the text of one token replaced and that token made a control token.
  std::string with_control_token(size_t id, const std::string& text) const {
    auto mapping = map_file(TERN_SOURCE_DIR "/models/tern-small.gguf");
    const auto file = runtime::parse_gguf(mapping.take());
    const auto old_tokens = runtime::get_strings(*file, "tokenizer.ggml.tokens");
    const auto old_merges = runtime::get_strings(*file, "tokenizer.ggml.merges");
    auto types = runtime::get_integers(*file, "tokenizer.ggml.token_type").take();
    std::vector<std::string> tokens(old_tokens->begin(), old_tokens->end()), merges;
    // What is joined to the old text, or makes it, would not be found.
    for (const std::string_view merge : *old_merges) {
      const size_t blank = merge.find(' ');
      const std::string left(merge.substr(0, blank)), right(merge.substr(blank + 1));
      if (left != tokens[id] && right != tokens[id] && left + right != tokens[id]) merges.emplace_back(merge);
    }
    tokens[id] = text;
    types[id] = 3;
    return model({{"tokenizer.ggml.tokens", tokens},
                  {"tokenizer.ggml.token_type", types},
                  {"tokenizer.ggml.merges", merges},
                  {"tokenizer.chat_template", std::string("{{ messages[0].content }}")}});
  }
};

// The token that ends a turn is none that the file's keys name: its text alone says what it is.
TEST_F(ChatTemplateFileTest, AnAnswerStopsAtTheTemplatesEndOfTurn) {
  const Outcome plain = run("run --no-cache --temp 0 -n 8 --json -p 'It was'");
  ASSERT_EQ(plain.exit_code, 0) << plain.errors;
  const auto tokens = nlohmann::json::parse(plain.output)["tokens"].get<std::vector<size_t>>();
  ASSERT_EQ(tokens.size(), 8u);
  size_t end = 2;  // a token that does not occur before
  while (std::count(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(end), tokens[end]) > 0) ++end;
  const std::string ask = "run --no-cache --temp 0 -n 8 --chat -p 'It was' -m '";
  const Outcome goes_on = run(ask + with_control_token(tokens[end], "<|something|>") + "'");
  ASSERT_EQ(goes_on.exit_code, 0) << goes_on.errors;
  EXPECT_THAT(goes_on.errors, HasSubstr("has 8 tokens"));
  for (const std::string text : {"<|im_end|>", "<|eot_id|>", "<end_of_turn>", "</s>"}) {
    const Outcome stops = run(ask + with_control_token(tokens[end], text) + "'");
    ASSERT_EQ(stops.exit_code, 0) << stops.errors;
    EXPECT_EQ(stops.errors, "") << text;
    EXPECT_TRUE(goes_on.output.starts_with(stops.output.substr(0, stops.output.size() - 1))) << text;
    EXPECT_LT(stops.output.size(), goes_on.output.size()) << text;
    const Outcome continued = run(fmt::format("run --no-cache --temp 0 -n {} --no-prompt -p 'It was' -m '{}'",
                                              end, path("model.gguf")));
    EXPECT_EQ(stops.output, continued.output) << text;
  }
}

TEST_F(ChatTemplateFileTest, InspectSaysWhichTemplateIsInUse) {
  const std::string source = "{{ messages[0].content }}\033[31m\n";
  const std::string own = model({{"tokenizer.chat_template", source}});
  EXPECT_THAT(run("inspect " + own).output, HasSubstr("chat       template of the model's file\n"));
  EXPECT_EQ(run("inspect --template " + own).output, source);
  EXPECT_THAT(run("inspect --json " + own).output, HasSubstr("\"in_use\": \"of the model's file\""));
  const Outcome terminal =
      run_program("script", "-qec \"" TERN_PROGRAM " inspect --template " + own + "\" /dev/null");
  if (terminal.exit_code == 0) {
    EXPECT_THAT(terminal.output, HasSubstr("\\x1b[31m"));
    EXPECT_THAT(terminal.output, Not(HasSubstr("\033[31m")));
  }
  const std::string wrong = model({{"tokenizer.chat_template", std::string("{{ x | nothing }}\033")}});
  const Outcome refused = run("inspect " + wrong);
  EXPECT_EQ(refused.exit_code, 0);
  EXPECT_THAT(refused.output, HasSubstr("no template that can be used: "));
  EXPECT_THAT(refused.output, HasSubstr("there is no filter 'nothing'"));
  // A vocabulary of LLaMA-3's size makes it BitNet b1.58 2B4T, whose files have a wrong template; the rest of
  // this file does not fit, and is described all the same.
  const std::string wronged = model({{"tokenizer.chat_template", std::string("Human: ")},
                                     {"tokenizer.ggml.tokens", std::vector<std::string>(128256, "a")}});
  const Outcome overridden = run("inspect " + wronged);
  EXPECT_NE(overridden.exit_code, 0);
  EXPECT_THAT(overridden.output, HasSubstr("template bitnet-2b4t (built in): the chat template in files"));
  EXPECT_EQ(run("inspect --template " + wronged).output, "Human: ");
}

TEST_F(ChatTemplateFileTest, InspectSaysThatThereIsNone) {
  const std::string box = TERN_SOURCE_DIR "/models/tern-small.gguf";
  EXPECT_THAT(run("inspect " + box).output, HasSubstr("chat       no template in the file\n"));
  const Outcome none = run("inspect --template " + box);
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.errors, HasSubstr("tokenizer.chat_template"));
}

}  // namespace
}  // namespace tern::tools
