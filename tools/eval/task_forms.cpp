#include "tools/eval/task_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "runtime/generate/continuations.h"

namespace tern::tools {
namespace {

using nlohmann::json;
using runtime::Choice;
using runtime::Question;

Expected<json> parse_object(std::string_view line) {
  try {
    json value = json::parse(line);
    if (!value.is_object()) return Error{"is not a JSON object", {}};
    return value;
  } catch (const json::parse_error& error) {
    return Error{"is not JSON", {"", 0, static_cast<int>(error.byte)}};
  }
}

bool has(const json& line, std::initializer_list<const char*> keys) {
  return std::ranges::all_of(keys, [&](const char* key) { return line.contains(key); });
}

// The first of some keys that a line has; null if it has none.
const char* first_of(const json& line, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (line.contains(key)) return key;
  }
  return nullptr;
}

Expected<std::string> text_at(const json& line, const char* key) {
  const auto found = line.find(key);
  if (found == line.end()) return Error{fmt::format("has no key '{}'", key), {}};
  if (!found->is_string()) return Error{fmt::format("'{}' is not a text", key), {}};
  return found->get<std::string>();
}

Expected<std::vector<std::string>> texts_at(const json& line, const char* key) {
  const auto found = line.find(key);
  if (found == line.end()) return Error{fmt::format("has no key '{}'", key), {}};
  const bool are_texts =
      found->is_array() && std::ranges::all_of(*found, [](const json& one) { return one.is_string(); });
  if (!are_texts || found->empty()) return Error{fmt::format("'{}' is not a list of texts", key), {}};
  return found->get<std::vector<std::string>>();
}

// The texts and the labels of choices: {"text": [...], "label": [...]}, or [{"text": ..., "label": ...},
// ...].
struct Labelled {
  std::vector<std::string> texts, labels;
};
Expected<Labelled> labelled_at(const json& line, const char* key) {
  Labelled result;
  const auto found = line.find(key);
  if (found == line.end()) return Error{fmt::format("has no key '{}'", key), {}};
  if (found->is_object()) {
    TERN_ASSIGN(result.texts, texts_at(*found, "text"));
    TERN_ASSIGN(result.labels, texts_at(*found, "label"));
  } else if (found->is_array()) {
    for (const json& one : *found) {
      if (!one.is_object()) return Error{fmt::format("'{}' has no texts with labels", key), {}};
      TERN_ASSIGN(std::string text, text_at(one, "text"));
      TERN_ASSIGN(std::string label, text_at(one, "label"));
      result.texts.push_back(std::move(text));
      result.labels.push_back(std::move(label));
    }
  }
  if (result.texts.empty() || result.texts.size() != result.labels.size())
    return Error{
        fmt::format("'{}' has {} texts and {} labels", key, result.texts.size(), result.labels.size()), {}};
  return result;
}

std::string without_outer_space(std::string_view text) {
  text.remove_prefix(runtime::white_space_at_begin(text));
  text.remove_suffix(runtime::white_space_at_end(text));
  return std::string(text);
}

// The index of the right one of `texts`: a number from 0, true or false, a number as a text, a letter from A,
// or the text of the choice itself.
Expected<size_t> answer_at(const json& line, const char* key, std::span<const std::string> texts) {
  const auto found = line.find(key);
  if (found == line.end()) return Error{fmt::format("has no key '{}'", key), {}};
  std::optional<uint64_t> index;
  if (found->is_number_unsigned()) index = found->get<uint64_t>();
  if (found->is_boolean()) index = found->get<bool>() ? 1 : 0;
  if (found->is_string()) {
    const std::string given = found->get<std::string>();
    const auto same = std::ranges::find(texts, given);
    if (same != texts.end()) {
      index = static_cast<uint64_t>(same - texts.begin());
    } else if (given.size() == 1 && given[0] >= '0' && given[0] <= '9') {
      index = static_cast<uint64_t>(given[0] - '0');
    } else if (given.size() == 1 && given[0] >= 'A' && given[0] <= 'Z') {
      index = static_cast<uint64_t>(given[0] - 'A');
    }
  }
  if (!index || *index >= texts.size())
    return Error{fmt::format("'{}' is {}, which is none of the {} choices", key, found->dump(), texts.size()),
                 {}};
  return static_cast<size_t>(*index);
}

Expected<size_t> label_at(const json& line, const char* key, const Labelled& choices) {
  TERN_ASSIGN(const std::string given, text_at(line, key));
  const auto found = std::ranges::find(choices.labels, without_outer_space(given));
  if (found == choices.labels.end())
    return Error{fmt::format("'{}' is '{}', which is no label", key, given), {}};
  return static_cast<size_t>(found - choices.labels.begin());
}

// One context, and a space between it and each choice: the harness's target_delimiter.
Question ask(const std::string& context, std::span<const std::string> texts, size_t answer) {
  Question question;
  for (const std::string& text : texts)
    question.choices.push_back({context, fmt::format(" {}", text), runtime::count_characters(text)});
  question.answer = answer;
  return question;
}

// arc/arc_easy.yaml. AllenAI's own files have the choices within the question.
Expected<TaskLine> read_arc(const json& line) {
  const bool nested = line.contains("question") && line["question"].is_object();
  const json& question = nested ? line["question"] : line;
  TERN_ASSIGN(const std::string text, text_at(question, nested ? "stem" : "question"));
  TERN_ASSIGN(const Labelled choices, labelled_at(question, "choices"));
  TERN_ASSIGN(const size_t answer, label_at(line, "answerKey", choices));
  return TaskLine{ask(fmt::format("Question: {}\nAnswer:", text), choices.texts, answer), {}};
}

// openbookqa/openbookqa.yaml
Expected<TaskLine> read_openbookqa(const json& line) {
  TERN_ASSIGN(const std::string text, text_at(line, "question_stem"));
  TERN_ASSIGN(const Labelled choices, labelled_at(line, "choices"));
  TERN_ASSIGN(const size_t answer, label_at(line, "answerKey", choices));
  return TaskLine{ask(text, choices.texts, answer), {}};
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// Without [brackets] and what is in them, if that is on one line: the regular expression \[.*?\] of Python.
std::string without_brackets(const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t close = text[at] == '[' ? text.find_first_of("]\n", at) : std::string::npos;
    if (close != std::string::npos && text[close] == ']') {
      at = close + 1;
    } else {
      result += text[at++];
    }
  }
  return result;
}

// hellaswag/utils.py, preprocess
std::string clean(const std::string& text) {
  return replace_all(without_brackets(replace_all(without_outer_space(text), " [title]", ". ")), "  ", " ");
}

// The first letter large, the others small, as Python's str.capitalize(), but of ASCII only.
std::string capitalize(std::string text) {
  for (size_t i = 0; i < text.size(); ++i) {
    char& c = text[i];
    if (i == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (i > 0 && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// hellaswag/hellaswag.yaml and utils.py
Expected<TaskLine> read_hellaswag(const json& line) {
  std::string query;
  if (line.contains("ctx_a")) {
    TERN_ASSIGN(const std::string a, text_at(line, "ctx_a"));
    TERN_ASSIGN(const std::string b, text_at(line, "ctx_b"));
    query = fmt::format("{} {}", a, capitalize(b));
  } else {
    TERN_ASSIGN(query, text_at(line, "ctx"));
  }
  if (line.contains("activity_label")) {
    TERN_ASSIGN(const std::string activity, text_at(line, "activity_label"));
    query = fmt::format("{}: {}", activity, query);
  }
  TERN_ASSIGN(std::vector<std::string> endings, texts_at(line, "endings"));
  TERN_ASSIGN(const size_t answer, answer_at(line, "label", endings));
  for (std::string& ending : endings) ending = clean(ending);
  return TaskLine{ask(clean(query), endings, answer), {}};
}

// piqa/piqa.yaml
Expected<TaskLine> read_piqa(const json& line) {
  TERN_ASSIGN(const std::string goal, text_at(line, "goal"));
  TERN_ASSIGN(const std::string first, text_at(line, "sol1"));
  TERN_ASSIGN(const std::string second, text_at(line, "sol2"));
  const std::string solutions[] = {first, second};
  TERN_ASSIGN(const size_t answer, answer_at(line, "label", solutions));
  return TaskLine{ask(fmt::format("Question: {}\nAnswer:", goal), solutions, answer), {}};
}

// winogrande/preprocess_winogrande.py: the options end the context, and what follows the blank is scored.
Expected<TaskLine> read_winogrande(const json& line) {
  TERN_ASSIGN(const std::string sentence, text_at(line, "sentence"));
  const size_t blank = sentence.find('_');
  if (blank == std::string::npos) return Error{"'sentence' has no blank '_'", {}};
  TaskLine result;
  for (const char* key : {"option1", "option2"}) {
    TERN_ASSIGN(const std::string option, text_at(line, key));
    const std::string context = sentence.substr(0, blank) + option;
    result.question.choices.push_back({context,
                                       fmt::format(" {}", without_outer_space(sentence.substr(blank + 1))),
                                       runtime::count_characters(context)});
  }
  const auto answer = line.find("answer");
  const bool first = answer != line.end() && (*answer == "1" || *answer == 1);
  const bool second = answer != line.end() && (*answer == "2" || *answer == 2);
  if (!first && !second) return Error{"'answer' is neither 1 nor 2", {}};
  result.question.answer = first ? 0 : 1;
  return result;
}

// super_glue/boolq/default.yaml
Expected<TaskLine> read_boolq(const json& line) {
  TERN_ASSIGN(const std::string passage, text_at(line, "passage"));
  TERN_ASSIGN(const std::string question, text_at(line, "question"));
  const std::string answers[] = {"no", "yes"};
  TERN_ASSIGN(const size_t answer, answer_at(line, line.contains("label") ? "label" : "answer", answers));
  return TaskLine{ask(fmt::format("{}\nQuestion: {}?\nAnswer:", passage, question), answers, answer), {}};
}

// mmlu/default: _default_template_yaml, and the description of each subject's file
Expected<TaskLine> read_mmlu(const json& line) {
  TERN_ASSIGN(const std::string question, text_at(line, "question"));
  TERN_ASSIGN(const std::vector<std::string> choices, texts_at(line, "choices"));
  if (choices.size() != 4) return Error{fmt::format("'choices' has {} texts, not 4", choices.size()), {}};
  const std::string letters[] = {"A", "B", "C", "D"};
  TERN_ASSIGN(const size_t answer, answer_at(line, "answer", letters));
  std::string context = without_outer_space(question);
  for (size_t i = 0; i < 4; ++i) context += fmt::format("\n{}. {}", letters[i], choices[i]);
  TaskLine result{ask(context + "\nAnswer:", letters, answer), {}};
  if (line.contains("subject")) {
    TERN_ASSIGN(const std::string subject, text_at(line, "subject"));
    if (!subject.empty())
      result.description =
          fmt::format("The following are multiple choice questions (with answers) about {}.\n\n",
                      replace_all(subject, "_", " "));
  }
  return result;
}

constexpr std::initializer_list<const char*> context_keys = {"context", "question", "query", "prompt", "ctx"};
constexpr std::initializer_list<const char*> choices_keys = {"choices", "endings", "options"};
constexpr std::initializer_list<const char*> answer_keys = {"answer", "gold", "label", "answer_index"};

// Ours: the context and the choices as they stand.
Expected<TaskLine> read_generic(const json& line) {
  const char* context_key = first_of(line, context_keys);
  const char* choices_key = first_of(line, choices_keys);
  const char* answer_key = first_of(line, answer_keys);
  TERN_ASSIGN(const std::string context, text_at(line, context_key ? context_key : "context"));
  TERN_ASSIGN(const std::vector<std::string> choices, texts_at(line, choices_key ? choices_key : "choices"));
  TERN_ASSIGN(const size_t answer, answer_at(line, answer_key ? answer_key : "answer", choices));
  return TaskLine{ask(context, choices, answer), {}};
}

bool is_arc(const json& line) {
  return has(line, {"question", "answerKey"}) && !line.contains("question_concept");
}
bool is_openbookqa(const json& line) {
  return has(line, {"question_stem", "choices", "answerKey"});
}
bool is_hellaswag(const json& line) {
  return has(line, {"endings", "label"}) && first_of(line, {"ctx_a", "ctx"}) != nullptr;
}
bool is_piqa(const json& line) {
  return has(line, {"goal", "sol1", "sol2"});
}
bool is_winogrande(const json& line) {
  return has(line, {"sentence", "option1", "option2"});
}
bool is_boolq(const json& line) {
  return has(line, {"passage", "question"}) && first_of(line, {"label", "answer"}) != nullptr;
}
bool is_mmlu(const json& line) {
  return has(line, {"question", "choices", "answer"}) && line["choices"].is_array() &&
         line["choices"].size() == 4;
}
bool is_generic(const json& line) {
  return first_of(line, context_keys) && first_of(line, choices_keys) && first_of(line, answer_keys);
}

// Of the harness's tasks, those with acc_norm in their metric_list have by_length.
constexpr std::array<TaskForm, 8> forms = {{
    {"arc", "question, choices {text, label}, answerKey", true},
    {"openbookqa", "question_stem, choices {text, label}, answerKey", true},
    {"hellaswag", "activity_label, ctx_a and ctx_b (or ctx), endings, label", true},
    {"piqa", "goal, sol1, sol2, label", true},
    {"winogrande", "sentence, option1, option2, answer", false},
    {"boolq", "passage, question, label or answer", false},
    {"mmlu", "question, choices of 4 texts, answer, subject", false},
    {"generic", "context or question, choices or endings, answer, gold or label", true},
}};

// The functions of each form, in the same order.
struct FormCode {
  bool (*fits)(const json&);
  Expected<TaskLine> (*read)(const json&);
};
constexpr std::array<FormCode, forms.size()> codes = {{
    {is_arc, read_arc},
    {is_openbookqa, read_openbookqa},
    {is_hellaswag, read_hellaswag},
    {is_piqa, read_piqa},
    {is_winogrande, read_winogrande},
    {is_boolq, read_boolq},
    {is_mmlu, read_mmlu},
    {is_generic, read_generic},
}};

}  // namespace

std::span<const TaskForm> task_forms() {
  return forms;
}

const TaskForm* find_task_form(std::string_view name) {
  const auto found = std::ranges::find(forms, name, &TaskForm::name);
  return found == forms.end() ? nullptr : &*found;
}

Expected<const TaskForm*> recognise_form(std::string_view line) {
  TERN_ASSIGN(const json value, parse_object(line));
  for (size_t i = 0; i < forms.size(); ++i) {
    if (codes[i].fits(value)) return &forms[i];
  }
  std::string known;
  for (const TaskForm& form : forms) known += fmt::format("\n  {:10} {}", form.name, form.keys);
  return Error{"has the keys of no form of question that is known:" + known, {}};
}

Expected<TaskLine> read_line(const TaskForm& form, std::string_view line) {
  TERN_ASSIGN(const json value, parse_object(line));
  return codes[static_cast<size_t>(&form - forms.data())].read(value);
}

}  // namespace tern::tools
