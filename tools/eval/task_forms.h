// The forms of questions with choices that `tern eval choices` reads: what datasets' lines look like, and
// what lm-evaluation-harness asks of them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/expected.h"
#include "runtime/generate/multiple_choice.h"

namespace tern::tools {

// A form, with where the harness defines it: lm_eval/tasks/ of version 0.4.13.
struct TaskForm {
  std::string_view name;  // for --task
  std::string_view keys;  // of a line, for people
  bool by_length;         // whether acc_norm is a figure of this task
};
std::span<const TaskForm> task_forms();
const TaskForm* find_task_form(std::string_view name);  // null if unknown

// The first form in the table that a line has the keys of. Errors: no JSON object, with the column; no form
// that fits.
Expected<const TaskForm*> recognise_form(std::string_view line);

// What a line asks.
struct TaskLine {
  runtime::Question question;
  std::string description;  // stands before the examples and the question, if the task has one
};

// Errors have the column where the line is no JSON; else they name the key.
Expected<TaskLine> read_line(const TaskForm& form, std::string_view line);

}  // namespace tern::tools
