// What lines of datasets ask. The lines are made up; the contexts are what the harness's templates make of
// them.
#include "tools/eval/task_forms.h"

#include <gmock/gmock.h>

#include "command.h"
#include "tools/eval/task_file.h"

namespace tern::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TaskLine read(std::string_view form, std::string_view line) {
  const auto found = recognise_form(line);
  EXPECT_TRUE(found) << found.error().text();
  EXPECT_EQ((*found)->name, form);
  const auto result = read_line(**found, line);
  EXPECT_TRUE(result) << result.error().text();
  return result ? *result : TaskLine();
}

std::vector<std::string> contexts(const TaskLine& line) {
  std::vector<std::string> result;
  for (const runtime::Choice& choice : line.question.choices) result.push_back(choice.context);
  return result;
}
std::vector<std::string> continuations(const TaskLine& line) {
  std::vector<std::string> result;
  for (const runtime::Choice& choice : line.question.choices) result.push_back(choice.continuation);
  return result;
}
std::string refusal(std::string_view form, std::string_view line) {
  const auto result = read_line(*find_task_form(form), line);
  return result ? std::string() : result.error().message;
}

TEST(TaskForms, Arc) {
  const TaskLine line = read("arc", R"({"id": "x_1", "question": "What falls from clouds?",
      "choices": {"text": ["sand", "rain", "caf\u00e9"], "label": ["1", "2", "3"]}, "answerKey": "2"})");
  EXPECT_EQ(contexts(line)[2], "Question: What falls from clouds?\nAnswer:");
  EXPECT_THAT(continuations(line), ElementsAre(" sand", " rain", " caf\xc3\xa9"));
  EXPECT_EQ(line.question.answer, 1u);
  EXPECT_EQ(line.question.choices[2].characters, 4u);
  const TaskLine nested = read("arc", R"({"answerKey": "B", "question": {"stem": "What falls from clouds?",
      "choices": [{"text": "sand", "label": "A"}, {"text": "rain", "label": "B"}]}})");
  EXPECT_EQ(contexts(nested)[0], contexts(line)[0]);
  EXPECT_THAT(continuations(nested), ElementsAre(" sand", " rain"));
  EXPECT_EQ(nested.question.answer, 1u);
  EXPECT_THAT(
      refusal("arc", R"({"question": "a", "choices": {"text": ["b"], "label": ["A"]}, "answerKey": "C"})"),
      HasSubstr("'answerKey' is 'C', which is no label"));
  EXPECT_THAT(
      refusal("arc",
              R"({"question": "a", "choices": {"text": ["b", "c"], "label": ["A"]}, "answerKey": "A"})"),
      HasSubstr("2 texts and 1 labels"));
}

TEST(TaskForms, OpenBookQa) {
  const TaskLine line = read("openbookqa", R"({"question_stem": "A cat likes", "answerKey": " A",
      "choices": {"text": ["fish", "chess"], "label": ["A", "B"]}})");
  EXPECT_THAT(contexts(line), ElementsAre("A cat likes", "A cat likes"));
  EXPECT_EQ(line.question.answer, 0u);
}

TEST(TaskForms, HellaSwag) {
  const TaskLine line = read("hellaswag", R"({"activity_label": "Baking bread", "ctx": "unused",
      "ctx_a": " A man kneads. [header] How to bake [title] Knead.", "ctx_b": "then He",
      "endings": ["sleeps.  [step] He wakes [title] up.", "bakes it [substeps] . "], "label": "1"})");
  EXPECT_EQ(contexts(line)[0], "Baking bread: A man kneads. How to bake. Knead. Then he");
  EXPECT_THAT(continuations(line), ElementsAre(" sleeps.  He wakes. up.", " bakes it ."));
  EXPECT_EQ(line.question.answer, 1u);
  EXPECT_EQ(line.question.choices[1].characters, 10u);
  const TaskLine brief =
      read("hellaswag", R"({"ctx": "A man kneads", "endings": ["on.", "off."], "label": 0})");
  EXPECT_EQ(contexts(brief)[0], "A man kneads");
  // A bracket that is not closed on its line stays.
  const TaskLine open = read("hellaswag", R"({"ctx": "a [b\n] c [d [e] f]", "endings": ["x"], "label": 0})");
  EXPECT_EQ(contexts(open)[0], "a [b\n] c f]");
}

TEST(TaskForms, Piqa) {
  const TaskLine line =
      read("piqa", R"({"goal": "Boil an egg", "sol1": "In water.", "sol2": "In ink.", "label": 0})");
  EXPECT_EQ(contexts(line)[1], "Question: Boil an egg\nAnswer:");
  EXPECT_THAT(continuations(line), ElementsAre(" In water.", " In ink."));
  EXPECT_EQ(line.question.answer, 0u);
  EXPECT_THAT(refusal("piqa", R"({"goal": "a", "sol1": "b", "sol2": "c", "label": 2})"),
              HasSubstr("none of the 2"));
  EXPECT_THAT(refusal("piqa", R"({"goal": "a", "sol1": "b", "sol2": "c", "label": -1})"),
              HasSubstr("'label' is -1"));
}

TEST(TaskForms, WinoGrandeScoresTheRestOfTheSentence) {
  const TaskLine line =
      read("winogrande", R"({"sentence": "The cup did not fit the bag, for the _ was large.",
      "option1": "cup", "option2": "bag", "answer": "1"})");
  EXPECT_THAT(contexts(line), ElementsAre("The cup did not fit the bag, for the cup",
                                          "The cup did not fit the bag, for the bag"));
  EXPECT_THAT(continuations(line), ElementsAre(" was large.", " was large."));
  EXPECT_EQ(line.question.answer, 0u);
  EXPECT_FALSE(find_task_form("winogrande")->by_length);
  EXPECT_THAT(refusal("winogrande", R"({"sentence": "a", "option1": "b", "option2": "c", "answer": "1"})"),
              HasSubstr("no blank"));
  EXPECT_THAT(refusal("winogrande", R"({"sentence": "_", "option1": "b", "option2": "c", "answer": ""})"),
              HasSubstr("neither 1 nor 2"));
}

TEST(TaskForms, BoolQ) {
  const char* with_label = R"({"passage": "Rain is wet.", "question": "is rain dry", "label": 0})";
  const TaskLine line = read("boolq", with_label);
  EXPECT_EQ(contexts(line)[0], "Rain is wet.\nQuestion: is rain dry?\nAnswer:");
  EXPECT_THAT(continuations(line), ElementsAre(" no", " yes"));
  EXPECT_EQ(line.question.answer, 0u);
  const TaskLine yes =
      read("boolq", R"({"passage": "Rain is wet.", "question": "is rain wet", "answer": true})");
  EXPECT_EQ(yes.question.answer, 1u);
}

TEST(TaskForms, Mmlu) {
  const TaskLine line = read("mmlu", R"({"question": " Two and two? ", "subject": "elementary_mathematics",
      "choices": ["3", "4", "5", "6"], "answer": 1})");
  EXPECT_EQ(line.description,
            "The following are multiple choice questions (with answers) about elementary mathematics.\n\n");
  EXPECT_EQ(contexts(line)[3], "Two and two?\nA. 3\nB. 4\nC. 5\nD. 6\nAnswer:");
  EXPECT_THAT(continuations(line), ElementsAre(" A", " B", " C", " D"));
  EXPECT_EQ(line.question.answer, 1u);
  const TaskLine letter =
      read("mmlu", R"({"question": "Two and two?", "choices": ["3", "4", "5", "6"], "answer": "D"})");
  EXPECT_EQ(letter.question.answer, 3u);
  EXPECT_EQ(letter.description, "");
  EXPECT_THAT(refusal("mmlu", R"({"question": "a", "choices": ["3"], "answer": 0})"),
              HasSubstr("1 texts, not 4"));
}

TEST(TaskForms, Generic) {
  for (const char* line : {R"({"context": "One, two,", "choices": ["three", "ten"], "gold": 1})",
                           R"({"query": "One, two,", "options": ["three", "ten"], "answer": "ten"})",
                           R"({"prompt": "One, two,", "choices": ["three", "ten"], "label": "1"})",
                           R"({"question": "One, two,", "choices": ["three", "ten"], "answer": "B"})"}) {
    const TaskLine read_line = read("generic", line);
    EXPECT_THAT(contexts(read_line), ElementsAre("One, two,", "One, two,"));
    EXPECT_THAT(continuations(read_line), ElementsAre(" three", " ten"));
    EXPECT_EQ(read_line.question.answer, 1u);
  }
  EXPECT_THAT(refusal("generic", R"({"context": 1, "choices": ["a"], "answer": 0})"),
              HasSubstr("'context' is not a text"));
  EXPECT_THAT(refusal("generic", R"({"context": "a", "choices": [], "answer": 0})"),
              HasSubstr("not a list of texts"));
  EXPECT_THAT(refusal("generic", R"({"context": "a", "choices": ["b", 1], "answer": 0})"),
              HasSubstr("not a list"));
  EXPECT_THAT(refusal("generic", R"({"context": "a", "choices": ["b"]})"), HasSubstr("has no key 'answer'"));
  EXPECT_THAT(refusal("generic", R"({"context": "a", "choices": ["b"], "answer": 0.5})"),
              HasSubstr("'answer' is 0.5"));
}

TEST(TaskForms, LinesThatAreNone) {
  const auto form = recognise_form(R"({"text": "a"})");
  ASSERT_FALSE(form);
  EXPECT_THAT(form.error().message, HasSubstr("winogrande sentence, option1, option2, answer"));
  // CommonsenseQA has the keys of ARC, but other contexts.
  EXPECT_FALSE(
      recognise_form(R"({"question": "a", "question_concept": "b", "choices": {}, "answerKey": "A"})"));
  const auto broken = recognise_form(R"({"text": )");
  ASSERT_FALSE(broken);
  EXPECT_GT(broken.error().where.column, 1);
  EXPECT_FALSE(recognise_form("[1]"));
  EXPECT_FALSE(recognise_form("\xff"));
}

class TaskFileTest : public CommandTest {};

TEST_F(TaskFileTest, ErrorsHaveFileAndLine) {
  const std::string good = R"({"context": "a", "choices": ["b", "c"], "answer": 0})";
  const std::string file = write("a.jsonl", good + "\n\n" + good + "\r\n" + R"({"context": "a"})" + "\n");
  const auto bad = read_task_file(file, "");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().text(), HasSubstr(file + ":4: has no key 'choices' (read as generic"));
  const auto broken = read_task_file(write("b.jsonl", good + "\n{\"context\": }"), "");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().text(), HasSubstr("b.jsonl:2:13: is not JSON"));
  EXPECT_FALSE(read_task_file(write("c.jsonl", "\n\n"), ""));
  const auto task = read_task_file(file, "hellaswg");
  ASSERT_FALSE(task);
  EXPECT_THAT(task.error().message, HasSubstr("did you mean 'hellaswag'?"));
  const auto whole = read_task_file(write("d.jsonl", good + "\n\n" + good), "generic");
  ASSERT_TRUE(whole) << whole.error().text();
  ASSERT_EQ(whole->items.size(), 2u);
  EXPECT_EQ(whole->items[1].line, 3);
}

TEST_F(TaskFileTest, ExamplesAreOfTheSameSubject) {
  const auto line = [](const char* question, const char* subject, int answer) {
    return fmt::format(
        R"({{"question": "{}", "subject": "{}", "choices": ["1", "2", "3", "4"], "answer": {}}})", question,
        subject, answer);
  };
  const auto examples = read_task_file(
      write("dev", line("x", "law", 0) + "\n" + line("y", "art", 2) + "\n" + line("z", "art", 3)), "mmlu");
  ASSERT_TRUE(examples) << examples.error().text();
  const auto item = read_task_file(write("test", line("w", "art", 0)), "mmlu");
  ASSERT_TRUE(item);
  const auto two = examples_for(item->items[0], examples->items, 2);
  ASSERT_TRUE(two);
  EXPECT_EQ(*two,
            "y\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: C\n\n"
            "z\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: D\n\n");
  EXPECT_EQ(*examples_for(item->items[0], examples->items, 0), "");
  EXPECT_FALSE(examples_for(item->items[0], examples->items, 3));
}

}  // namespace
}  // namespace tern::tools
