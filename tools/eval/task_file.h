// A file of questions with choices, one a line.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/expected.h"
#include "tools/eval/task_forms.h"

namespace tern::tools {

struct TaskItem {
  int line = 0;
  TaskLine task;
};

struct TaskFile {
  const TaskForm* form = nullptr;
  std::vector<TaskItem> items;
};

// Reads JSON lines; empty ones are passed over. The form is `task`, or if that is empty the one that the
// first line has. Errors have the file's name and the line: no JSON, a key that is missing or wrong; no line
// at all; an unknown task.
Expected<TaskFile> read_task_file(const std::string& file, const std::string& task);

// The first `shots` of the examples that have the item's description, as lm-evaluation-harness writes them:
// context, right choice and an empty line each. Error: there are fewer.
Expected<std::string> examples_for(const TaskItem& item, const std::vector<TaskItem>& examples, size_t shots);

}  // namespace tern::tools
