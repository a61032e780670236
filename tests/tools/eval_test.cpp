// `tern eval` as a user types it, with a small synthesised model and the one in the box.
#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "command.h"
#include "runtime/generate/continuations.h"
#include "runtime/generate/evaluate.h"
#include "runtime/model/synth.h"
#include "tools/eval/kl.h"
#include "tools/options/engine_options.h"

namespace tern::tools {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class EvalTest : public CommandTest {
 protected:
  EvalTest() { setenv("TERN_CACHE", path("cache").c_str(), 1); }
  ~EvalTest() override { unsetenv("TERN_CACHE"); }

  std::string model(const std::string& name = "small.gguf", uint64_t seed = 1,
                    uint32_t vocabulary = 400) const {
    runtime::SynthShape shape = *runtime::find_synth_shape("tiny");
    shape.vocabulary_size = vocabulary;
    EXPECT_TRUE(runtime::synthesize_model(path(name), shape, {.seed = seed}));
    return path(name);
  }

  json run_json(const std::string& arguments) const {
    const Outcome outcome = run(arguments + " --json");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    return json::parse(outcome.output, nullptr, false);
  }

  std::string prose() const {
    std::string text;
    for (int i = 0; i < 40; ++i) text += fmt::format("it was the {} of times, it was the worst. ", i);
    return write("prose.txt", text);
  }
};

TEST_F(EvalTest, TheModelInTheBoxHasThePerplexityOfItsTraining) {
  const std::string text = std::string(TERN_SOURCE_DIR) + "/models/heldout.txt";
  const json runs = run_json("eval ppl " + text + " --untuned");
  // models/README.md: what the training script's evaluation says.
  EXPECT_NEAR(runs["perplexity"].get<double>(), 40.931, 0.005 * 40.931);
  EXPECT_EQ(runs["tokens"], 15155);
  EXPECT_TRUE(runs["complete"]);
  const Outcome plain = run("eval " + text + " --untuned");
  EXPECT_THAT(plain.output, ContainsRegex("^perplexity 40\\.9[0-9]+ \\+- 0\\.8[0-9]+  \\(3\\.71"));
}

TEST_F(EvalTest, PerplexityHasWaysOfNamingAModel) {
  const std::string small = model(), text = prose();
  const std::string usual = run("eval ppl " + text + " -m " + small).output;
  EXPECT_THAT(usual, HasSubstr("runs of 512"));
  EXPECT_EQ(run("eval ppl " + small + " " + text).output, usual);
  EXPECT_EQ(run("eval ppl " + small + " --file " + text).output, usual);
  EXPECT_EQ(run("eval " + small + " " + text).output, usual);
  EXPECT_EQ(run("eval -m " + small + " - <" + text).output, usual);
  EXPECT_EQ(run("eval ppl " + small + " " + text + " -m " + small).exit_code, 2);
  EXPECT_EQ(run("eval ppl -m " + small).exit_code, 2);
  EXPECT_EQ(run("eval").exit_code, 2);
  EXPECT_EQ(run("eval ppl " + small + " " + text + " --file " + text).exit_code, 2);
  EXPECT_THAT(run("eval ppl " + small + " " + path("none.txt")).errors, HasSubstr("none.txt: No such file"));
  EXPECT_THAT(run("eval ppl " + small + " " + write("empty", "")).errors, HasSubstr("is empty"));
  EXPECT_THAT(run("eval ppl --method halves " + small + " " + write("short", "it was")).errors,
              HasSubstr("short: the text has"));
  EXPECT_THAT(run("eval ppl --method quarters " + small + " " + text).errors, HasSubstr("quarters"));
}

TEST_F(EvalTest, PerplexityByEachMethod) {
  const std::string command = "eval ppl " + model() + " " + prose() + " -c 64 ";
  const json runs = run_json(command), halves = run_json(command + "--method halves --chunks 3");
  EXPECT_EQ(halves["tokens"], 3 * 31);
  EXPECT_EQ(halves["windows"], 3);
  const json strided = run_json(command + "--method strided --stride 16 --chunks 5");
  EXPECT_EQ(strided["tokens"], 5 * 16);
  const json sliding = run_json(command + "--method sliding");
  EXPECT_EQ(sliding["tokens"], runs["tokens"]);  // the token in front of the text is not scored
  EXPECT_GT(sliding["perplexity_error"].get<double>(), 0);
  EXPECT_NEAR(std::log(runs["perplexity"].get<double>()), runs["nats_per_token"].get<double>(), 1e-12);
}

TEST_F(EvalTest, IdsAreScoredAsTheyStand) {
  const std::string ids = write("ids", "3070, 1378 313\n258 574");
  const json result = run_json("eval --untuned --ids " + ids);
  EXPECT_EQ(result.size(), 2u);
  EXPECT_EQ(result["tokens"], json({3070, 1378, 313, 258, 574}));
  EXPECT_EQ(result["logprobs"].size(), 4u);
  EXPECT_EQ(run_json("eval ppl --untuned --ids " + ids), result);
  const json small = run_json("eval ppl " + model() + " --ids " + write("few", "1 2 3"));
  EXPECT_EQ(small["tokens"], json({1, 2, 3}));
  EXPECT_THAT(run("eval --ids " + write("bad", "1 x")).errors, HasSubstr("bad:1:3"));
  EXPECT_THAT(run("eval --ids " + ids + " " + prose() + " x").errors,
              HasSubstr("either a text file or --ids"));
}

// Log-probabilities of the choices are those of log_probabilities of the whole text.
TEST_F(EvalTest, ChoicesAreScoredAsTheirTexts) {
  const std::string small = model();
  const std::vector<std::string> contexts = {"it was the", "one two three ", "Question: who\nAnswer:"};
  const std::vector<std::vector<std::string>> choices = {
      {"best", "worst of times", "end"},
      {"four", "for"},
      {"me", "you and me", "she said so, of course", "\xc3\xa9"}};
  std::string lines;
  for (size_t i = 0; i < contexts.size(); ++i)
    lines += json{{"context", contexts[i]}, {"choices", choices[i]}, {"answer", i % 2}}.dump() + "\n";
  const json result = run_json("eval choices " + small + " " + write("q.jsonl", lines));

  EngineFlags flags;
  flags.model = small;
  auto session = load_engine(flags);
  ASSERT_TRUE(session) << session.error().text();
  runtime::Engine& engine = *session->engine;
  double right = 0, right_norm = 0;
  for (size_t i = 0; i < contexts.size(); ++i) {
    std::vector<double> sums, by_length;
    for (const std::string& choice : choices[i]) {
      std::string context = contexts[i], continuation = " " + choice;
      if (context.back() == ' ') {
        context.pop_back();
        continuation = " " + continuation;
      }
      const auto whole = engine.tokenizer().encode_from_beginning(context + continuation, true);
      const size_t begin = engine.tokenizer().encode_from_beginning(context, true).size();
      runtime::Sequence sequence = engine.make_sequence(whole.size()).take();
      const auto scores = runtime::log_probabilities(engine, sequence, whole);
      ASSERT_TRUE(scores);
      double sum = 0;
      for (size_t at = begin; at < whole.size(); ++at) sum += (*scores)[at - 1];
      sums.push_back(sum);
      by_length.push_back(sum / (choice == "\xc3\xa9" ? 1.0 : static_cast<double>(choice.size())));
    }
    EXPECT_EQ(result["items"][i]["logprobs"], json(sums));
    const auto best = std::ranges::max_element(sums) - sums.begin();
    const auto best_norm = std::ranges::max_element(by_length) - by_length.begin();
    EXPECT_EQ(result["items"][i]["picked"], best);
    EXPECT_EQ(result["items"][i]["picked_norm"], best_norm);
    EXPECT_EQ(result["items"][i]["line"], i + 1);
    right += best == static_cast<ptrdiff_t>(i % 2);
    right_norm += best_norm == static_cast<ptrdiff_t>(i % 2);
  }
  EXPECT_DOUBLE_EQ(result["acc"].get<double>(), right / 3);
  EXPECT_DOUBLE_EQ(result["acc_norm"].get<double>(), right_norm / 3);
  const double share = right / 3;
  EXPECT_NEAR(result["acc_error"].get<double>(), std::sqrt(share * (1 - share) / 2), 1e-12);
  EXPECT_EQ(result["task"], "generic");
}

TEST_F(EvalTest, ChoicesHaveExamplesLimitsAndErrors) {
  const std::string line = R"({"passage": "it was", "question": "was it", "answer": true})";
  const std::string questions = write("q.jsonl", line + "\n" + line + "\n" + line + "\n");
  const std::string command = "eval choices " + model() + " " + questions;
  const Outcome outcome = run(command + " --shots 2 --limit 2 --shots-file " + questions);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("task      boolq: 2 questions, 2 examples each\nacc "));
  EXPECT_THAT(outcome.output, Not(HasSubstr("acc_norm")));
  // Examples change what is read.
  EXPECT_NE(run_json(command)["items"], run_json(command + " --shots 1 --shots-file " + questions)["items"]);
  EXPECT_EQ(run(command + " --shots 2").exit_code, 2);
  EXPECT_THAT(run(command + " --shots 4 --shots-file " + questions).errors,
              HasSubstr("q.jsonl:1: there are 3 examples for this question, not 4"));
  const Outcome forced = run(command + " --task piqa");
  EXPECT_EQ(forced.exit_code, 2);
  EXPECT_THAT(forced.errors, HasSubstr("q.jsonl:1: has no key 'goal' (read as piqa"));
  EXPECT_THAT(run("eval choices " + model() + " -c 2 " +
                  write("long", R"({"context": "a", "choices": ["it was the best"], "answer": 0})"))
                  .errors,
              AllOf(HasSubstr("long:1: "), HasSubstr("more than the context of 2")));
  EXPECT_EQ(run("eval choices").exit_code, 2);
}

TEST_F(EvalTest, KlOfAModelWithItselfIsZero) {
  const std::string small = model();
  const json same = run_json("eval kl " + small + " " + small + " --file " + prose());
  EXPECT_EQ(same["mean"], 0.0);
  EXPECT_EQ(same["max"], 0.0);
  EXPECT_EQ(same["same_top"], 1.0);
  EXPECT_EQ(same["rms_logprob_change"], 0.0);
  const json threads = run_json("eval kl -m " + small + " --with '-t 2 --batch 3' --file " + prose());
  EXPECT_EQ(threads["max"], 0.0);
  const json cache =
      run_json("eval kl " + small + " --with '--kv f32' -c 64 --method halves --file " + prose());
  EXPECT_GT(cache["mean"].get<double>(), 0);
  EXPECT_LT(cache["mean"].get<double>(), 0.01);
  const json other = run_json("eval kl " + small + " " + model("other.gguf", 2) + " --file " + prose());
  EXPECT_GT(other["mean"].get<double>(), cache["mean"].get<double>());
  EXPECT_GE(other["max"].get<double>(), other["percentile_99"].get<double>());
  EXPECT_GE(other["percentile_99"].get<double>(), other["median"].get<double>());
}

TEST_F(EvalTest, KlSaysWhatIsWrong) {
  const std::string small = model(), file = " --file " + prose();
  EXPECT_THAT(run("eval kl " + small + file).errors, HasSubstr("give two models"));
  EXPECT_THAT(run("eval kl " + small + file + " --with '--kv f64'").errors, HasSubstr("--with: "));
  EXPECT_THAT(run("eval kl " + small + file + " --with 'nonsense'").errors, HasSubstr("--with: "));
  EXPECT_THAT(run("eval kl " + small + " " + model("large.gguf", 1, 401) + file).errors,
              HasSubstr("400 tokens, the other 401"));
  EXPECT_EQ(run("eval kl " + small + " " + small).exit_code, 2);
  EXPECT_EQ(run("eval kl " + small + " -m " + small + file + " --with '-t 1'").exit_code, 2);
}

TEST_F(EvalTest, TheSettingsOfBAreThoseOfA) {
  KlFlags flags;
  flags.engine.kv = "f32";
  flags.engine.threads = 3;
  flags.models = {"a", "b"};
  flags.with = "--threads 2 --exact-head";
  const auto b = settings_of_b(flags);
  ASSERT_TRUE(b) << b.error().text();
  EXPECT_EQ(b->model, "b");
  EXPECT_EQ(b->kv, "f32");
  EXPECT_EQ(b->threads, 2u);
  EXPECT_TRUE(b->exact_head);
  EXPECT_FALSE(flags.engine.exact_head);
}

// Interrupts a command once it is at work. Its exit code; what it wrote is in stdout and stderr.
class EvalInterruptTest : public EvalTest {
 protected:
  int interrupt(const std::string& arguments) const {
    const pid_t child = start(arguments);
    int status = 0;
    // It is at work when it handles the signal, and a moment later it has its first figures.
    while (!handles_interrupts(child) && waitpid(child, &status, WNOHANG) == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    kill(child, SIGINT);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static bool handles_interrupts(pid_t process) {
    std::ifstream status(fmt::format("/proc/{}/status", process));
    for (std::string word; status >> word;) {
      if (word == "Name:" && status >> word && word != "tern") return false;  // but still the shell
      if (word != "SigCgt:") continue;
      uint64_t caught = 0;
      status >> std::hex >> caught;
      return (caught >> (SIGINT - 1) & 1) != 0;
    }
    return false;
  }
};

TEST_F(EvalInterruptTest, TheFiguresSoFarArePrinted) {
  const std::string small = model();
  std::string text, questions;
  for (int i = 0; i < 60000; ++i) text += fmt::format("it was the {} of times, it was the worst. ", i);
  for (int i = 0; i < 60000; ++i)
    questions +=
        json{{"context", fmt::format("it was {} the", i)}, {"choices", {"best", "worst"}}, {"answer", 0}}
            .dump() +
        "\n";
  const std::string file = write("long.txt", text);
  for (const std::string& command :
       {"ppl " + small + " " + file, "ppl --method sliding --stride 1 " + small + " " + file,
        "choices " + small + " " + write("q.jsonl", questions),
        "kl " + small + " " + small + " --file " + file}) {
    EXPECT_EQ(interrupt("eval " + command + " --json -t 1"), 130) << command;
    EXPECT_THAT(read("stderr"), HasSubstr("interrupted: the figures are those of the first")) << command;
    const json result = json::parse(read("stdout"), nullptr, false);
    ASSERT_TRUE(result.is_object()) << command << read("stdout");
    EXPECT_EQ(result["complete"], false);
  }
}

}  // namespace
}  // namespace tern::tools
