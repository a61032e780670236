#include "codegen/cost/assembly_census.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

namespace tern::codegen {
namespace {

struct Line {
  std::string_view mnemonic, operands;
  bool touches_stack;
};

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string_view without_comment(std::string_view line) {
  for (const std::string_view mark : {"#", "//"}) {
    // AArch64 marks numbers with '#' too, but only after a space or a bracket and before a digit.
    for (size_t place = line.find(mark); place != std::string_view::npos;
         place = line.find(mark, place + 1)) {
      const char next = place + mark.size() < line.size() ? line[place + mark.size()] : ' ';
      if (mark == "#" && ((next >= '0' && next <= '9') || next == '-' || next == ':')) continue;
      line = line.substr(0, place);
      break;
    }
  }
  return line;
}

// The label at which a branch ends: its last operand.
std::string_view last_operand(std::string_view operands) {
  const size_t comma = operands.find_last_of(", \t");
  return comma == std::string_view::npos ? operands : operands.substr(comma + 1);
}

std::string_view first_operand(std::string_view operands) {
  return operands.substr(0, operands.find(','));
}

// Which instructions touch the stack, following registers that point into it as far as the order of the lines
// tells.
class StackAccesses {
 public:
  // True if the instruction reads or writes the stack.
  bool follow(std::string_view mnemonic, std::string_view operands) {
    const bool result = touches(operands);
    // AArch64 makes a pointer to spilled SVE registers first: add x8, sp, #16.
    if (mnemonic.starts_with("add") && operands.find(", sp, ") != std::string_view::npos)
      pointers_.insert(first_operand(operands));
    else if (!mnemonic.starts_with("st") && !mnemonic.starts_with("cmp"))
      pointers_.erase(first_operand(operands));
    return result;
  }

 private:
  bool touches(std::string_view operands) const {
    for (const std::string_view pointer : {"(%rsp", "[sp", "(sp)"}) {
      if (operands.find(pointer) != std::string_view::npos) return true;
    }
    const size_t bracket = operands.find('[');
    if (bracket == std::string_view::npos) return false;
    const std::string_view pointer = operands.substr(bracket + 1);
    return pointers_.count(pointer.substr(0, pointer.find_first_of(",]"))) == 1;
  }

  std::set<std::string_view> pointers_;
};

// Instructions from a label to a jump back to it.
struct Loop {
  size_t begin, end;
};

void read(std::string_view assembly, std::vector<Line>& lines, std::vector<Loop>& loops) {
  std::map<std::string_view, size_t> labels;
  StackAccesses stack;
  while (!assembly.empty()) {
    const size_t newline = std::min(assembly.find('\n'), assembly.size());
    std::string_view line = trimmed(without_comment(assembly.substr(0, newline)));
    assembly.remove_prefix(std::min(newline + 1, assembly.size()));
    if (line.empty()) continue;
    if (line.back() == ':') {
      labels[line.substr(0, line.size() - 1)] = lines.size();
      continue;
    }
    if (line[0] == '.') continue;                                         // a directive
    if (line[0] == '{') line = trimmed(line.substr(line.find('}') + 1));  // an encoding: {vex}
    const size_t space = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view mnemonic = line.substr(0, space), operands = trimmed(line.substr(space));
    lines.push_back({mnemonic, operands, stack.follow(mnemonic, operands)});
    const auto target = labels.find(last_operand(lines.back().operands));
    if (target != labels.end()) loops.push_back({target->second, lines.size()});
  }
}

}  // namespace

std::optional<AssemblyCensus> census(std::string_view assembly) {
  std::vector<Line> lines;
  std::vector<Loop> loops;
  read(assembly, lines, loops);
  const auto holds_another = [all = loops](const Loop& outer) {
    return std::any_of(all.begin(), all.end(), [&](const Loop& inner) {
      const bool same = inner.begin == outer.begin && inner.end == outer.end;
      return !same && inner.begin >= outer.begin && inner.end <= outer.end;
    });
  };
  std::erase_if(loops, holds_another);
  const auto largest = std::max_element(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) {
    return a.end - a.begin < b.end - b.begin;
  });
  if (largest == loops.end()) return std::nullopt;

  AssemblyCensus result;
  for (size_t i = largest->begin; i < largest->end; ++i) {
    ++result.mnemonics[std::string(lines[i].mnemonic)];
    ++result.instructions;
    result.stack_accesses += lines[i].touches_stack;
  }
  return result;
}

std::string print(const AssemblyCensus& census) {
  std::vector<std::pair<std::string, int>> sorted(census.mnemonics.begin(), census.mnemonics.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text = fmt::format("innermost loop: {} instructions, {} of them access the stack\n",
                                 census.instructions, census.stack_accesses);
  for (const auto& [mnemonic, count] : sorted) text += fmt::format("{:6}  {}\n", count, mnemonic);
  return text;
}

}  // namespace tern::codegen
