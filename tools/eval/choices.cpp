#include "tools/eval/choices.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "runtime/generate/continuations.h"
#include "runtime/generate/running_mean.h"
#include "tools/eval/task_file.h"
#include "tools/options/exit_code.h"

namespace tern::tools {
namespace {

using runtime::Continuation;

// The continuations of a question, with the description and the examples in front of each context.
Expected<std::vector<Continuation>> encode(const runtime::Engine& engine, const TaskItem& item,
                                           const std::string& examples, size_t context) {
  std::vector<Continuation> result;
  for (const runtime::Choice& choice : item.task.question.choices) {
    TERN_ASSIGN(Continuation one, runtime::encode_continuation(
                                      engine.tokenizer(), item.task.description + examples + choice.context,
                                      choice.continuation, engine.model().vocabulary.end_of_text));
    TERN_TRY(runtime::keep_end(one, context));
    result.push_back(std::move(one));
  }
  return result;
}

struct Results {
  runtime::RunningMean acc, acc_norm;
  nlohmann::json items = nlohmann::json::array();
};

void add(Results& results, const TaskItem& item, std::span<const Continuation> continuations,
         const std::vector<double>& log_probabilities) {
  const runtime::Question& question = item.task.question;
  const runtime::Picks picks = runtime::pick(question.choices, log_probabilities);
  results.acc.add(picks.likeliest == question.answer ? 1 : 0);
  results.acc_norm.add(picks.likeliest_by_length == question.answer ? 1 : 0);
  std::vector<size_t> tokens, characters;
  for (const Continuation& one : continuations) tokens.push_back(one.tokens.size() - one.first_scored);
  for (const runtime::Choice& choice : question.choices) characters.push_back(choice.characters);
  results.items.push_back({{"line", item.line},
                           {"answer", question.answer},
                           {"picked", picks.likeliest},
                           {"picked_norm", picks.likeliest_by_length},
                           {"logprobs", log_probabilities},
                           {"tokens", tokens},
                           {"characters", characters}});
}

void print(const Results& results, const TaskFile& file, const ChoicesFlags& flags, bool complete) {
  const size_t questions = results.acc.count;
  if (flags.json) {
    nlohmann::json json = {{"task", file.form->name},
                           {"shots", flags.shots},
                           {"questions", questions},
                           {"acc", results.acc.mean},
                           {"acc_error", results.acc.standard_error()},
                           {"complete", complete},
                           {"items", results.items}};
    if (file.form->by_length) {
      json["acc_norm"] = results.acc_norm.mean;
      json["acc_norm_error"] = results.acc_norm.standard_error();
    }
    fmt::print("{}\n", json.dump());
    return;
  }
  fmt::print("task      {}: {} question{}, {} example{} each\n", file.form->name, questions,
             questions == 1 ? "" : "s", flags.shots, flags.shots == 1 ? "" : "s");
  fmt::print("acc       {:.4f}{}\n", results.acc.mean, plus_minus(results.acc.standard_error(), 4));
  if (file.form->by_length)
    fmt::print("acc_norm  {:.4f}{}\n", results.acc_norm.mean,
               plus_minus(results.acc_norm.standard_error(), 4));
}

// The questions of a file as tokens. Errors have the place of the question.
Expected<std::vector<std::vector<Continuation>>> encode_all(const runtime::Engine& engine,
                                                            const std::string& name, const TaskFile& file,
                                                            const ChoicesFlags& flags) {
  TaskFile examples;
  if (flags.shots > 0) {
    TERN_ASSIGN(examples, read_task_file(flags.shots_file, std::string(file.form->name)));
  }
  const size_t context = flags.context != 0 ? flags.context : engine.model().hyperparameters.context_length;
  std::vector<std::vector<Continuation>> result;
  for (const TaskItem& item : file.items) {
    const auto placed = [&](const Error& error) {
      return Error{error.message, {name, item.line, 0}, error.kind};
    };
    const Expected<std::string> shown = examples_for(item, examples.items, flags.shots);
    if (!shown) return placed(shown.error());
    Expected<std::vector<Continuation>> encoded = encode(engine, item, *shown, context);
    if (!encoded) return placed(encoded.error());
    result.push_back(encoded.take());
  }
  return result;
}

}  // namespace

void add_choices_options(CLI::App& command, ChoicesFlags& flags) {
  add_eval_files(command, flags.files, "Questions, a JSON object a line");
  std::string known;
  for (const TaskForm& form : task_forms()) known += (known.empty() ? "" : ", ") + std::string(form.name);
  command.add_option("--task", flags.task,
                     "What the lines are, if their keys do not say it (docs/evaluating.md): " + known);
  command.add_option("--shots", flags.shots, "Examples with their answers in front of each question")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command.add_option("--shots-file", flags.shots_file,
                     "Where the examples are: the first lines, of the same form");
  command.add_option("--limit", flags.limit, "Ask the first N questions (default: all)")
      ->check(CLI::Range(1, 1 << 30));
  command
      .add_option(
          "-c,--context", flags.context,
          "Tokens that the model reads at most, the last ones of a longer question (default: what it was "
          "trained for)")
      ->check(CLI::Range(2, 1 << 24));
  command.add_flag("--json", flags.json, "Print JSON, with the log-probability of every choice");
  add_engine_options(command, flags.engine);
}

Expected<int> eval_choices(ChoicesFlags flags) {
  TERN_ASSIGN(const std::string name, take_files(flags.files, flags.engine.model));
  if (name.empty()) return Error{"give a file of questions", {}};
  if ((flags.shots > 0) == flags.shots_file.empty()) return Error{"--shots and --shots-file go together", {}};
  TERN_ASSIGN(TaskFile file, read_task_file(name, flags.task));
  if (flags.limit != 0 && flags.limit < file.items.size()) file.items.resize(flags.limit);
  TERN_ASSIGN(runtime::Session loaded, load_engine(flags.engine));
  runtime::Engine& engine = *loaded.engine;
  TERN_ASSIGN(const auto continuations, encode_all(engine, name, file, flags));
  TERN_ASSIGN(runtime::Sequence sequence, runtime::make_sequence_for(engine, continuations));

  Results results;
  runtime::StepPace pace({&engine});
  ProgressLine line;
  const auto keep_going = [&] {
    return line.show([&] {
      return fmt::format("{} of {} questions, acc {:.4f}", results.acc.count, file.items.size(),
                         results.acc.mean);
    });
  };
  for (size_t i = 0; i < file.items.size() && keep_going(); ++i) {
    const auto scores = runtime::score_continuations(engine, sequence, continuations[i], pace, keep_going);
    if (!scores) return Error{scores.error().message, {name, file.items[i].line, 0}, scores.error().kind};
    if (!*scores) break;
    add(results, file.items[i], continuations[i], **scores);
  }
  line.clear();
  if (results.acc.count == 0)
    return Error{"interrupted before the first question was answered", {}, ErrorKind::interrupted};
  const bool complete = results.acc.count == file.items.size();
  print(results, file, flags, complete);
  return finish(complete, fmt::format("the first {} questions", results.acc.count));
}

}  // namespace tern::tools
