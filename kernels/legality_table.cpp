#include "kernels/legality_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "targets/legal.h"

namespace tern::kernels {
namespace {

constexpr std::string_view introduction =
    R"(# What runs where

Every way to pack and to multiply weights ([recipes](../kernels/recipe.h)) on every target in
[targets/](../targets), for one token and for 512. A cell is **yes** if the kernel is legal for both, else the
number of a reason below the table. Every legal cell is tested bit for bit against the reference on the CPUs that
the testing machine is able to run or to emulate. For the others, tests lower it and prove the program; the
interpreter executes each recipe for one target.

This page is written by the program: `tern targets --recipes`.
)";

ir::Problem problem_of(ir::Element weight, int64_t m) {
  return ir::matmul(m, 2560, 2560, ir::weights_of(weight));
}

// Recipes of one strategy for all kinds of weights.
std::vector<std::pair<Recipe, ir::Element>> recipes_by(ir::Strategy strategy) {
  using ir::Element;
  std::vector<std::pair<Recipe, Element>> found;
  for (const Element weight :
       {Element::trit, Element::sign, Element::i4, Element::i8, Element::f16, Element::bf16, Element::f32}) {
    for (const Recipe& recipe : recipes(weight)) {
      const bool again = std::any_of(found.begin(), found.end(), [&](const auto& one) {
        return one.first == recipe && one.second != Element::i8;
      });
      if (recipe.strategy() == strategy && !again) found.emplace_back(recipe, weight);
    }
  }
  return found;
}

class Page {
 public:
  explicit Page(const std::vector<targets::Target>& targets) : targets_(targets) {}

  void add(ir::Strategy strategy) {
    text_ += fmt::format("\n## {}\n\n| |", name(strategy));
    const auto found = recipes_by(strategy);
    for (const auto& [recipe, weight] : found) text_ += fmt::format(" {} |", title(recipe));
    text_ += "\n|---|";
    for (size_t i = 0; i < found.size(); ++i) text_ += "---|";
    reasons_.clear();
    for (const targets::Target& target : targets_) {
      text_ += fmt::format("\n| {} |", target.name);
      for (const auto& [recipe, weight] : found) text_ += fmt::format(" {} |", cell(recipe, weight, target));
    }
    text_ += "\n\n";
    for (size_t i = 0; i < reasons_.size(); ++i) text_ += fmt::format("{}. {}\n", i + 1, reasons_[i]);
  }

  std::string text() const { return text_; }

 private:
  // The recipe without the strategy's name, which heads the table.
  static std::string title(const Recipe& recipe) {
    std::string text = print(recipe);
    const std::string word = fmt::format(" {}", name(recipe.strategy()));
    return text.erase(text.find(word), word.size());
  }

  std::string cell(const Recipe& recipe, ir::Element weight, const targets::Target& target) {
    std::vector<size_t> numbers;
    for (const int64_t m : {1, 512}) {
      const ir::Kernel kernel = make_kernel(recipe, problem_of(weight, m), target);
      for (const std::string& reason : targets::legality_errors(kernel, target)) {
        auto place = std::find(reasons_.begin(), reasons_.end(), reason);
        if (place == reasons_.end()) place = reasons_.insert(place, reason);
        const auto number = static_cast<size_t>(place - reasons_.begin()) + 1;
        if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) numbers.push_back(number);
      }
    }
    return numbers.empty() ? "yes" : fmt::format("{}", fmt::join(numbers, ", "));
  }

  const std::vector<targets::Target>& targets_;
  std::string text_{introduction};
  std::vector<std::string> reasons_;  // of the present table
};

}  // namespace

std::string legality_page(const std::vector<targets::Target>& targets) {
  Page page(targets);
  for (const ir::Strategy strategy : ir::all_strategies) page.add(strategy);
  return page.text();
}

}  // namespace tern::kernels
