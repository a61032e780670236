// What was tuned, used by commands: more speed, but never another token.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "autotune/records/database_file.h"
#include "command.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "targets/host.h"
#include "targets/legal.h"
#include "tests/support/text_edit.h"

namespace tern::tools {
namespace {

using autotune::Choice;
using autotune::Database;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::replaced;

const targets::Host& host() {
  return *targets::detect_host();
}

// Kernels for one shape of the model in the box that are not the default's: another packing.
Choice unusual_choice(int64_t n, int64_t k) {
  const targets::Target& target = host().target;
  Choice choice{{"host", 2}, {}, {}, {}, false, true, "2026-11-21T10:15:00Z"};
  const kernels::Recipe recipe{ir::Packing::g5b8, ir::DotCompute{{1, ir::Unpack::table}}};
  for (const int64_t m : {1, 8}) {
    const ir::Problem problem = ir::matmul(m, n, k, {ir::Element::trit, ir::Scaling::tensor});
    choice.kernels.push_back(kernels::make_kernel(recipe, problem, target));
    EXPECT_TRUE(targets::legality_errors(choice.kernels.back(), target).empty());
    choice.seconds.push_back(1e-8 * static_cast<double>(m * n));
    choice.ratios.push_back(0.75);
  }
  return choice;
}

autotune::Record record_of(const ir::Kernel& kernel, double seconds, double ratio = 0.75) {
  const autotune::Timing timing{seconds, 0.02, ratio, 0.01, 12, "2026-11-20T10:15:00Z", 0.1, 0};
  return {{"host", 2}, kernel, "g5b8 dot table", 0, {timing}, ""};
}

class RecordsTest : public CommandTest {
 protected:
  // The file that commands look for.
  std::string own_file() const { return autotune::database_file(autotune::provenance_of(host())); }

  Database database() const {
    Database result{
        autotune::provenance_of(host()), {}, {unusual_choice(1024, 384), unusual_choice(384, 1024)}, {}};
    for (const ir::Kernel& kernel : result.choices[0].kernels)
      result.records.push_back(record_of(kernel, 1e-5 * static_cast<double>(kernel.problem.m)));
    return result;
  }

  void tune() const {
    const Status written = autotune::update_database(own_file(), database().provenance,
                                                     [&](Database& own) { merge(own, database()); });
    ASSERT_TRUE(written) << written.error().text();
  }

  // Replaces a text in the machine's database.
  void damage(const std::string& from, const std::string& to) const {
    const std::string name = "records/" + std::filesystem::path(own_file()).filename().string();
    write(name, replaced(read(name), from, to));
  }

  static constexpr const char* prompt = "run -p 'It was' -n 24 --temp 0 -t 2 --stats";
};

TEST_F(RecordsTest, TunedKernelsAreUsedAndWriteTheSame) {
  const Outcome untuned = run(prompt);
  ASSERT_EQ(untuned.exit_code, 0) << untuned.errors;
  EXPECT_THAT(untuned.errors, HasSubstr("kernels  54 default; for target host"));
  tune();
  const Outcome tuned = run(prompt);
  EXPECT_EQ(tuned.exit_code, 0) << tuned.errors;
  EXPECT_EQ(tuned.output, untuned.output);
  // Rows of 1 and 8 were measured; the seven other buckets have the records of these.
  EXPECT_THAT(
      tuned.errors,
      HasSubstr("kernels  27 tuned (" + own_file() +
                ", 2026-11-21; 21 by the record of another number of rows), 27 default; for target host"));
  const Outcome again = run(std::string(prompt) + " --untuned");
  EXPECT_EQ(again.output, untuned.output);
  EXPECT_THAT(again.errors, HasSubstr("kernels  54 default"));
}

TEST_F(RecordsTest, EvalBenchAsmAndCompileTakeThemToo) {
  tune();
  const std::string text = write("text.txt", "It was the best of times, it was the worst of times.");
  const Outcome tuned = run("eval " + text), untuned = run("eval --untuned " + text);
  EXPECT_EQ(tuned.exit_code, 0) << tuned.errors;
  EXPECT_EQ(tuned.output, untuned.output);
  const Outcome bench = run("bench -p 8 -n 2 -r 1 -t 2");
  EXPECT_THAT(bench.output, HasSubstr("kernels: 27 tuned ("));
  const Outcome profile = run("bench -p 0 -n 2 -r 1 -t 2 --profile");
  EXPECT_THAT(profile.output, AllOf(HasSubstr("tg2 on 2 threads: "), HasSubstr("| matmul query key value ")));
  EXPECT_THAT(run("asm -m 3 -n 1024 -k 384 --emit kernel").output, HasSubstr("W: g5b8 ["));
  EXPECT_THAT(run("asm -m 3 -n 1024 -k 384 --emit kernel --untuned").output, Not(HasSubstr("W: g5b8 [")));
  const std::string model = std::string(TERN_SOURCE_DIR) + "/models/tern-small.gguf";
  const Outcome compiled = run("compile --name k -o '" + path("k") + "' -m '" + model + "'");
  EXPECT_EQ(compiled.exit_code, 0) << compiled.errors;
  EXPECT_THAT(read("k/k.h"), HasSubstr("g5b8"));
}

// The shape of the model in the box.
constexpr const char* small_shape = "L6 d384 f1024 h6/2 v3072";

TEST_F(RecordsTest, ThreadsAreThoseOfTheModel) {
  const std::string command = "run -p 'It was' -n 24 --temp 0 --stats";
  const Outcome usual = run(command);
  EXPECT_THAT(usual.errors, Not(HasSubstr("(tuned)\n")));
  const auto with = [&](int decode, int prefill, std::vector<int> processors, const std::string& model) {
    Database threads{autotune::provenance_of(host()), {}, {}, {}};
    threads.threads.push_back({model, decode, prefill, std::move(processors), "2026-11-21T10:15:00Z"});
    return " --database " + write("threads.yaml", print(threads));
  };
  const Outcome alone = run(command + with(1, 1, {host().processors[0]}, small_shape));
  EXPECT_EQ(alone.output, usual.output);
  EXPECT_THAT(alone.errors,
              HasSubstr(fmt::format("on 1 thread, on processors {} (tuned)\n", host().processors[0])));
  // What this process may not use, or another model's, counts for nothing; what the user says counts first.
  EXPECT_THAT(run(command + with(1, 1, {100'000}, small_shape)).errors, HasSubstr("on 1 thread (tuned)\n"));
  for (const int none : {0, 1000})
    EXPECT_THAT(run(command + with(1, none, {}, small_shape)).errors, Not(HasSubstr("(tuned)\n")));
  EXPECT_THAT(run(command + with(1, 1, {}, "L2 d384 f1024 h6/2 v3072")).errors, Not(HasSubstr("(tuned)\n")));
  EXPECT_THAT(run(command + " -t 3" + with(1, 1, {}, small_shape)).errors,
              HasSubstr("for target host, on 3 threads\n"));
  if (host().hardware_threads < 2) return;
  const std::string two = with(1, 2, {}, small_shape);
  const Outcome mixed = run(command + two);
  EXPECT_EQ(mixed.output, usual.output);
  EXPECT_THAT(mixed.errors, HasSubstr("on 1 thread to decode, 2 for prompts (tuned)\n"));
  const Outcome bench = run("bench -p 8 -n 2 -r 1 -o csv" + two);
  EXPECT_THAT(bench.output, AllOf(HasSubstr("pp8,2,"), HasSubstr("tg2,1,")));
}

TEST_F(RecordsTest, TuneFindsThreadsForModels) {
  const std::string file = path("new.yaml"), command = "tune --budget 1s --use 1:1 --database " + file;
  for (const char* without : {" --no-threads", " -t 1", " --shape 64x256"}) {
    const Outcome left_out = run(command + without);
    ASSERT_EQ(left_out.exit_code, 0) << left_out.errors;
    EXPECT_THAT(left_out.output, Not(HasSubstr("threads: "))) << without;
    EXPECT_THAT(read("new.yaml"), Not(HasSubstr("decode threads:"))) << without;
  }
  const Outcome tuned = run(command);
  ASSERT_EQ(tuned.exit_code, 0) << tuned.errors;
  EXPECT_THAT(tuned.output, AllOf(HasSubstr("| threads |"), HasSubstr("\nthreads: ")));
  EXPECT_THAT(read("new.yaml"), HasSubstr(std::string("model: ") + small_shape + "\ndecode threads: "));
  EXPECT_THAT(run("run -p x -n 2 --stats --database " + file).errors, HasSubstr(" (tuned)\n"));
  // What is known is not measured again, unless somebody asks for it.
  EXPECT_THAT(run(command).output, Not(HasSubstr("| threads |")));
  EXPECT_THAT(run(command + " --again").output, HasSubstr("| threads |"));
}

// Counters of a machine that does not exist, in $TERN_POWERCAP; they move on while this exists.
class MadeUpCounters {
 public:
  explicit MadeUpCounters(std::filesystem::path folder) : package_(folder / "intel-rapl:0") {
    std::filesystem::create_directories(package_);
    std::ofstream(package_ / "name") << "package-0\n";
    std::ofstream(package_ / "max_energy_range_uj") << "65532610987\n";
    write(0);
    setenv("TERN_POWERCAP", folder.c_str(), 1);
    thread_ = std::jthread([this](const std::stop_token& stop) {
      for (uint64_t microjoules = 0; !stop.stop_requested(); microjoules += 50'000) {
        write(microjoules);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }
  ~MadeUpCounters() { unsetenv("TERN_POWERCAP"); }

 private:
  void write(uint64_t microjoules) const {
    std::ofstream(package_ / "next") << microjoules << "\n";
    std::filesystem::rename(package_ / "next", package_ / "energy_uj");
  }
  std::filesystem::path package_;
  std::jthread thread_;
};

TEST_F(RecordsTest, ThreadsAreTunedForEnergy) {
  const std::string command = "tune --budget 1s --use 1:1 --database " + path("new.yaml");
  const MadeUpCounters counters(path("powercap"));
  const Outcome by_time = run(command);
  ASSERT_EQ(by_time.exit_code, 0) << by_time.errors;
  EXPECT_THAT(by_time.output, AllOf(HasSubstr("| of a prompt |"), HasSubstr("J |\n")));
  EXPECT_THAT(by_time.output, Not(HasSubstr("joules were not recorded")));
  EXPECT_THAT(read("new.yaml"), AllOf(HasSubstr("\ndecode joules: "), Not(HasSubstr("\nobjective:"))));
  // What is known for time is not known for energy.
  const Outcome by_energy = run(command + " --objective energy");
  ASSERT_EQ(by_energy.exit_code, 0) << by_energy.errors;
  EXPECT_THAT(by_energy.output, HasSubstr("| threads |"));
  EXPECT_THAT(read("new.yaml"), AllOf(HasSubstr("\nobjective: energy\n"), HasSubstr("\nprefill joules: ")));
  EXPECT_THAT(run(command + " --objective energy").output, Not(HasSubstr("| threads |")));
  EXPECT_THAT(run("db show " + path("new.yaml")).output, HasSubstr(" to prefill, for least energy, "));
}

TEST_F(RecordsTest, WithoutCountersThereIsNoEnergy) {
  setenv("TERN_POWERCAP", path("nowhere").c_str(), 1);
  const std::string command = "tune --budget 1s --use 1:1 --database " + path("new.yaml");
  const Outcome refused = run(command + " --objective energy");
  EXPECT_EQ(refused.exit_code, 1) << "the machine lacks a meter";
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("--objective energy: " + path("nowhere") + ": "),
                                    HasSubstr("there is no such folder")));
  EXPECT_FALSE(std::filesystem::exists(path("new.yaml"))) << "it was tuned all the same";
  const Outcome by_time = run(command);
  unsetenv("TERN_POWERCAP");
  EXPECT_EQ(by_time.exit_code, 0) << by_time.errors;
  EXPECT_THAT(by_time.output, AllOf(HasSubstr("\njoules were not recorded: " + path("nowhere")),
                                    Not(HasSubstr("| of a prompt |"))));
  EXPECT_THAT(read("new.yaml"), Not(HasSubstr("joules")));
  EXPECT_THAT(run("tune --objective energy --shape 64x256").errors,
              HasSubstr("--shape excludes --objective"));
  EXPECT_THAT(run("tune --objective fame").errors, HasSubstr("--objective"));
}

TEST_F(RecordsTest, RunTunesWhatIsMissing) {
  const std::string command = "run -p 'It was' -n 24 --temp 0 -t 1 --stats --database " + path("new.yaml");
  const Outcome untuned = run("run -p 'It was' -n 24 --temp 0 -t 1");
  const Outcome wrong = run(command + " --tune=500ms");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.errors, HasSubstr("--tune: '500ms' is no time such as"));
  const Outcome tuned = run(command + " --tune=0.5s");
  EXPECT_EQ(tuned.exit_code, 0) << tuned.errors;
  EXPECT_EQ(tuned.output, untuned.output);
  EXPECT_THAT(tuned.errors, HasSubstr("tern: tuning 5 shapes for 0.5 s"));
  // However short, something was measured.
  EXPECT_THAT(read("new.yaml"), HasSubstr("--- # kernel"));
  // What is known is not tuned again.
  write("new.yaml", print(database()));
  const Outcome rest = run(command + " --tune 0.5");
  EXPECT_EQ(rest.output, untuned.output);
  EXPECT_THAT(rest.errors, HasSubstr("tern: tuning 3 shapes for 0.5 s"));
  EXPECT_EQ(run("run -p x --tune --untuned").exit_code, 2);
}

TEST_F(RecordsTest, RunTunesInTheBackgroundAndWritesTheSame) {
  const std::string command = "run -p 'It was' -n 32 --temp 0 -t 1 --ignore-end";
  const Outcome untuned = run(command);
  ASSERT_EQ(untuned.exit_code, 0) << untuned.errors;
  const std::string beside = command + " --stats --tune=background --database " + path("new.yaml");
  // The second finds the file that the first has made.
  for (int i = 0; i < 2; ++i) {
    const Outcome tuned = run(beside);
    EXPECT_EQ(tuned.exit_code, 0) << tuned.errors;
    EXPECT_EQ(tuned.output, untuned.output);
    EXPECT_THAT(tuned.errors, HasSubstr(" kernels tried, "));
    EXPECT_THAT(tuned.errors, Not(HasSubstr("nothing is kept")));
    std::vector<std::string> warnings;
    const Expected<Database> kept =
        autotune::load_database(path("new.yaml"), autotune::provenance_of(host()), warnings);
    ASSERT_TRUE(kept) << kept.error().text();
    EXPECT_TRUE(warnings.empty());
  }
}

TEST_F(RecordsTest, AFileThatIsNamedMustBeThereAndOfThisMachine) {
  const Outcome missing = run(std::string(prompt) + " --database " + path("none.yaml"));
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.errors, HasSubstr("none.yaml: no such database"));
  const Outcome no_database = run(std::string(prompt) + " --database " + write("text.txt", "It was"));
  EXPECT_EQ(no_database.exit_code, 2);
  EXPECT_THAT(no_database.errors, HasSubstr("text.txt: holds no undamaged document"));
  Database foreign = database();
  foreign.provenance.cpu = "x86_64/Another/1/2/3";
  const Outcome refused = run(std::string(prompt) + " --database " + write("foreign.yaml", print(foreign)));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.errors,
              AllOf(HasSubstr("CPU: the records have x86_64/Another/1/2/3, this machine has "),
                    HasSubstr("tern tune --from")));
  const Outcome good = run(std::string(prompt) + " --database " + write("good.yaml", print(database())));
  EXPECT_THAT(good.errors, HasSubstr("kernels  27 tuned (" + path("good.yaml")));
  EXPECT_EQ(run(std::string(prompt) + " --untuned --database " + path("good.yaml")).exit_code, 2);
}

TEST_F(RecordsTest, DamageIsAWarningAndTheRestIsUsed) {
  const Outcome untuned = run(prompt);
  tune();
  damage("microseconds: 10.24\n", "microseconds: 10.25\n");
  const Outcome damaged = run(prompt);
  EXPECT_EQ(damaged.exit_code, 0);
  EXPECT_EQ(damaged.output, untuned.output);
  EXPECT_THAT(damaged.errors, AllOf(HasSubstr("tern: warning: " + own_file() + ":"),
                                    HasSubstr("see 'tern db verify'"), HasSubstr("kernels  9 tuned (")));
}

TEST_F(RecordsTest, ListAndShow) {
  EXPECT_THAT(run("db list").output, HasSubstr("no databases in " + path("records")));
  const Outcome none = run("db show");
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.errors, HasSubstr("there is no database of this machine yet"));
  tune();
  EXPECT_THAT(run("db list").output,
              AllOf(HasSubstr(
                  own_file() +
                  " (this machine)\n  2 choices, 2 kernels, 2 timings, 2026-11-20 to 2026-11-21; LLVM ")));
  const Outcome all = run("db show");
  EXPECT_EQ(all.exit_code, 0) << all.errors;
  EXPECT_THAT(all.output,
              AllOf(HasSubstr("choice for trit 1024x384, target host, 2 threads: measured, 2026-11-21"),
                    HasSubstr("choice for trit 384x1024"),
                    HasSubstr("candidates for trit 1024x384, m=8, target host, 2 threads: 1"),
                    HasSubstr("80.0 us 0.750 +- 0.010    2.0 %      12  2026-11-20")));
  const Outcome one = run("db show --shape 384x1024 -m 8");
  EXPECT_THAT(one.output, AllOf(HasSubstr("choice for trit 384x1024"), Not(HasSubstr("1024x384")),
                                Not(HasSubstr("candidates"))));
  EXPECT_EQ(run("db show --shape 384").exit_code, 2);
}

TEST_F(RecordsTest, ExportMergeAndImport) {
  tune();
  ASSERT_EQ(run("db export --choices -o " + path("choices.yaml")).exit_code, 0);
  EXPECT_THAT(read("choices.yaml"), AllOf(HasSubstr("--- # choice"), Not(HasSubstr("--- # kernel"))));
  ASSERT_EQ(run("db export -o " + path("all.yaml")).exit_code, 0);
  EXPECT_EQ(read("all.yaml"), print(database()));
  std::filesystem::remove(own_file());
  ASSERT_EQ(run("db import " + path("choices.yaml")).exit_code, 0);
  EXPECT_EQ(run("db merge " + path("choices.yaml") + " " + path("all.yaml")).output.find(own_file()), 0u);
  EXPECT_EQ(run("db export").output, print(database()));
  ASSERT_EQ(run("db merge -o " + path("new.yaml") + " " + path("all.yaml")).exit_code, 0);
  EXPECT_EQ(read("new.yaml"), read("all.yaml"));
  Database foreign = database();
  foreign.provenance.cores += 1;
  const Outcome refused = run("db import " + write("foreign.yaml", print(foreign)));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.errors,
              AllOf(HasSubstr("foreign.yaml: is of another machine"), HasSubstr("cores: the records have")));
  EXPECT_EQ(run("db export").output, print(database()));
}

TEST_F(RecordsTest, Prune) {
  Database crowded = database();
  ir::Kernel kernel = crowded.choices[0].kernels[0];
  for (int i = 1; i <= 6; ++i) {
    kernel.schedule.prefetch_bytes = 64 * i;
    crowded.records.push_back(record_of(kernel, 1e-5, 1.5 - 0.1 * i));
  }
  const std::string file = write("crowded.yaml", print(crowded));
  EXPECT_THAT(run("db prune --keep 2 --dry-run " + file).output, HasSubstr(": 4 kernels would be forgotten"));
  EXPECT_EQ(read("crowded.yaml"), print(crowded));
  EXPECT_THAT(run("db prune --keep 2 " + file).output, HasSubstr(": 4 kernels forgotten"));
  const auto slow = crowded.records.begin() + 2;
  crowded.records.erase(slow, slow + 4);
  EXPECT_EQ(read("crowded.yaml"), print(crowded));

  tune();
  Database old = database();
  old.provenance.generator -= 1;
  const std::string old_file = write("records/old.yaml", print(old));
  EXPECT_THAT(run("db prune --dry-run").output, HasSubstr(old_file + ": would be removed"));
  EXPECT_TRUE(std::filesystem::exists(old_file));
  EXPECT_EQ(run("db prune").exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(old_file));
  EXPECT_TRUE(std::filesystem::exists(own_file()));
}

TEST_F(RecordsTest, VerifyAndRepair) {
  EXPECT_EQ(run("db verify").exit_code, 0);
  tune();
  EXPECT_THAT(run("db verify").output, HasSubstr("; 0 damaged"));
  damage("microseconds: 10.24\n", "microseconds: 10.25\n");
  const Outcome found = run("db verify");
  EXPECT_EQ(found.exit_code, 1);
  EXPECT_THAT(found.output, AllOf(HasSubstr(": the document was changed"), HasSubstr("; 1 damaged")));
  EXPECT_EQ(run("db verify --repair").exit_code, 0);
  EXPECT_EQ(run("db verify").exit_code, 0);
  const std::string name = "records/" + std::filesystem::path(own_file()).filename().string();
  EXPECT_THAT(read(name + ".quarantine"), HasSubstr("microseconds: 10.25\n"));
  // Who was measured can be told from the digits of the other documents.
  damage("\ncores: ", "\ncores: 1");
  EXPECT_EQ(run("db verify").exit_code, 1);
  EXPECT_EQ(run("db verify --repair").exit_code, 0);
  EXPECT_THAT(run("db verify").output, HasSubstr(": 1 choice, 2 kernels, 2 timings"));
  EXPECT_EQ(run("db verify --repair " + write("text.yaml", "no database\n")).exit_code, 1);
  EXPECT_EQ(read("text.yaml"), "no database\n");
}

}  // namespace
}  // namespace tern::tools
