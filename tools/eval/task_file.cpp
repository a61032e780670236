#include "tools/eval/task_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "base/suggest.h"
#include "tools/options/input.h"

namespace tern::tools {

Expected<TaskFile> read_task_file(const std::string& file, const std::string& task) {
  TaskFile result;
  if (!task.empty()) {
    result.form = find_task_form(task);
    std::vector<std::string_view> names;
    for (const TaskForm& form : task_forms()) names.push_back(form.name);
    if (!result.form)
      return Error{fmt::format("'{}' is no task that is known: {}{}", task, fmt::join(names, ", "),
                               suggestion(task, names)),
                   {}};
  }
  TERN_ASSIGN(const std::string text, read_text(file));
  const std::string name = file == "-" ? "standard input" : file;
  int number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto placed = [&](const Error& error) {
      return Error{error.message, {name, number, error.where.column}, error.kind};
    };
    if (!result.form) {
      const Expected<const TaskForm*> form = recognise_form(line);
      if (!form) return placed(form.error());
      result.form = *form;
    }
    Expected<TaskLine> read = read_line(*result.form, line);
    if (!read)
      return placed(
          {fmt::format("{} (read as {}: {})", read.error().message, result.form->name, result.form->keys),
           read.error().where});
    result.items.push_back({number, read.take()});
  }
  if (result.items.empty()) return Error{"holds no question", {name, 0, 0}};
  return result;
}

Expected<std::string> examples_for(const TaskItem& item, const std::vector<TaskItem>& examples,
                                   size_t shots) {
  std::string text;
  size_t found = 0;
  for (const TaskItem& example : examples) {
    if (found == shots) break;
    if (example.task.description != item.task.description) continue;
    const runtime::Choice& right = example.task.question.choices[example.task.question.answer];
    text += right.context + right.continuation + "\n\n";
    ++found;
  }
  if (found < shots)
    return Error{fmt::format("there are {} examples for this question, not {}", found, shots), {}};
  return text;
}

}  // namespace tern::tools
