// Which recipe is legal on which target, as a page of the documentation.
#pragma once

#include <string>
#include <vector>

#include "targets/target.h"

namespace tern::kernels {

// Markdown: for each strategy, a table of its recipes on the targets, with the reasons against what is not
// legal.
std::string legality_page(const std::vector<targets::Target>& targets);

}  // namespace tern::kernels
