// tern eval: what a model knows, by three measures, a subcommand each.
#include <memory>
#include <utility>

#include "tools/commands.h"
#include "tools/eval/choices.h"
#include "tools/eval/kl.h"
#include "tools/eval/ppl.h"
#include "tools/options/output_file.h"

namespace tern::tools {
namespace {

// Adds a subcommand with its options and what it does.
template <class Flags>
void add_measure(CLI::App& eval, const char* name, const char* description,
                 void (*add_options)(CLI::App&, Flags&), Expected<int> (*measure)(Flags), int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = eval.add_subcommand(name, description);
  add_options(*command, *flags);
  command->callback([flags, measure, &exit_code] {
    const Expected<int> code = measure(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace

void add_eval(CLI::App& app, int& exit_code) {
  CLI::App* eval = app.add_subcommand(
      "eval", "How well a model predicts: perplexity, questions with choices, distance from another model");
  eval->require_subcommand(0, 1);
  add_measure(*eval, "ppl", "Perplexity of a text, or log-probabilities of token ids", add_ppl_options,
              eval_ppl, exit_code);
  add_measure(*eval, "choices",
              "Questions with choices: acc and acc_norm, as lm-evaluation-harness defines them",
              add_choices_options, eval_choices, exit_code);
  add_measure(*eval, "kl", "Kullback-Leibler divergence of a model's predictions from another's",
              add_kl_options, eval_kl, exit_code);

  // Without one of these names it is ppl.
  auto flags = std::make_shared<PplFlags>();
  add_ppl_options(*eval, *flags);
  eval->callback([eval, flags, &exit_code] {
    if (!eval->get_subcommands().empty()) return;
    const Expected<int> code = eval_ppl(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools
