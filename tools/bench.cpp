// tern bench: how fast a model, or products of one matrix shape, run beside what the machine allows.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/counter_random.h"
#include "runtime/execute/bandwidth.h"
#include "runtime/model/model_cost.h"
#include "runtime/session/machine_threads.h"
#include "tools/bench/profile_text.h"
#include "tools/bench/shape_bench.h"
#include "tools/bench/shape_bench_text.h"
#include "tools/commands.h"
#include "tools/options/engine_options.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {
namespace {

struct BenchFlags {
  EngineFlags engine;
  std::vector<size_t> prompts = {512}, generates = {128}, threads;
  size_t depth = 0;
  size_t repetitions = 3;
  bool profile = false;
  std::string output = "md";
  // Of products of matrices, instead of a model.
  std::vector<std::string> shapes, weights = {"tuned"};
  std::vector<int64_t> rows = {1, 2, 4, 8, 16, 32, 64, 128, 256};
  int rounds = 20;
};

struct Result {
  std::string test;
  size_t threads;
  double tokens_per_second, stddev;
  uint64_t bytes_per_token;
  double bandwidth;  // bytes a second, measured between the runs on as many threads: the mean
  double bandwidth_stddev;
  double roofline_fraction;    // of decoding; of prefill, what reading the weights once a step would allow
  runtime::Meetings meetings;  // of the threads, to decode a token
  std::optional<ProfiledTest> profiled;
};

// Any ids do: the time does not depend on them.
std::vector<uint32_t> random_ids(size_t count, uint32_t vocabulary) {
  std::vector<uint32_t> ids;
  for (size_t i = 0; i < count; ++i) ids.push_back(static_cast<uint32_t>(split_mix(i) % vocabulary));
  return ids;
}

// Tokens a second of one run. Its steps are profiled if there is a profile; steps that fill the sequence
// before it are not.
Expected<double> time_once(runtime::Engine& engine, bool prefill, size_t count, size_t depth,
                           runtime::StepProfile* profile = nullptr) {
  TERN_ASSIGN(runtime::Sequence sequence, engine.make_sequence(depth + count));
  const std::vector<uint32_t> ids = random_ids(depth + count, engine.model().hyperparameters.vocabulary_size);
  const std::span<const uint32_t> all(ids);
  if (depth > 0) {
    TERN_TRY(engine.append(sequence, all.first(depth)));
  }
  engine.profile(profile);
  const auto start = std::chrono::steady_clock::now();
  const Expected<runtime::Logits> logits = engine.append(sequence, all.subspan(depth), prefill ? 0 : 1);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  engine.profile(nullptr);
  TERN_TRY(logits);
  return static_cast<double>(count) / seconds.count();
}

struct Samples {
  std::vector<double> values;

  double mean() const {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  }
  // Of the distribution that the samples are from; 0 of one sample.
  double stddev() const {
    double squares = 0;
    for (const double value : values) squares += (value - mean()) * (value - mean());
    return values.size() > 1 ? std::sqrt(squares / static_cast<double>(values.size() - 1)) : 0;
  }
};

Expected<Result> measure(runtime::Engine& engine, bool prefill, size_t count, const BenchFlags& flags,
                         const runtime::BandwidthProbe& probe) {
  Result result;
  result.test = fmt::format("{}{}", prefill ? "pp" : "tg", count);
  if (flags.depth > 0) result.test += fmt::format("@d{}", flags.depth);
  result.threads = prefill ? engine.threads().prefill : engine.threads().decode;
  // Once to warm up, which shows nothing.
  TERN_TRY(time_once(engine, prefill, std::min<size_t>(count, prefill ? 64 : 4), flags.depth));
  // Memory may be slower from one second to the next, where others use it.
  Samples rates, bandwidths;
  while (rates.values.size() < flags.repetitions && !interrupted()) {
    bandwidths.values.push_back(engine.read_bandwidth(probe));
    TERN_ASSIGN(const double rate, time_once(engine, prefill, count, flags.depth));
    rates.values.push_back(rate);
  }
  if (rates.values.empty()) return Error{"interrupted", {}, ErrorKind::interrupted};
  bandwidths.values.push_back(engine.read_bandwidth(probe));
  // A run of its own: what the clock costs is not in the figure.
  if (flags.profile) {
    result.profiled = ProfiledTest{result.test, result.threads, count, {}};
    TERN_TRY(time_once(engine, prefill, count, flags.depth, &result.profiled->profile));
  }
  result.tokens_per_second = rates.mean();
  result.stddev = rates.stddev();
  // The middle of the run stands for all of it.
  const auto context = static_cast<uint32_t>(flags.depth + count / 2);
  const runtime::ModelCost cost = cost_of(engine.model(), context);
  // Weights are read as kernels have them packed, not as the file does.
  const size_t packed_head = engine.plan().packed_head_bytes();
  const int64_t experts_used = engine.model().hyperparameters.experts_used;
  const size_t packed_layers = engine.plan().packed_token_bytes(experts_used) - packed_head;
  result.bytes_per_token =
      packed_layers + packed_head + cost.embedding_row_bytes + cost.norm_bytes + cost.key_value_bytes;
  result.bandwidth = bandwidths.mean();
  result.bandwidth_stddev = bandwidths.stddev();
  TERN_ASSIGN(result.meetings, engine.meetings());
  const auto rows =
      static_cast<double>(std::min<size_t>(count, static_cast<size_t>(engine.plan().buckets().max())));
  const double bytes =
      prefill ? static_cast<double>(packed_layers) / rows : static_cast<double>(result.bytes_per_token);
  result.roofline_fraction = result.tokens_per_second * bytes / result.bandwidth;
  return result;
}

std::string print_json(const std::vector<Result>& results, const std::string& model,
                       const std::string& target, const std::string& kernels) {
  nlohmann::json array = nlohmann::json::array();
  for (const Result& result : results) {
    array.push_back({{"model", model},
                     {"target", target},
                     {"kernels", kernels},
                     {"test", result.test},
                     {"threads", result.threads},
                     {"tokens_per_second", result.tokens_per_second},
                     {"stddev", result.stddev},
                     {"bytes_per_token", result.bytes_per_token},
                     {"bandwidth_bytes_per_second", result.bandwidth},
                     {"bandwidth_stddev", result.bandwidth_stddev},
                     {"roofline_fraction", result.roofline_fraction},
                     {"meetings_per_layer", result.meetings.layer},
                     {"meetings_per_token", result.meetings.step}});
    if (result.profiled) array.back()["profile"] = profile_json(*result.profiled);
  }
  return array.dump(2) + "\n";
}

std::string print_csv(const std::vector<Result>& results) {
  std::string text =
      "test,threads,tokens_per_second,stddev,bytes_per_token,bandwidth_bytes_per_second,bandwidth_stddev,"
      "roofline_fraction\n";
  for (const Result& result : results)
    text += fmt::format("{},{},{:.3f},{:.3f},{},{:.0f},{:.0f},{:.4f}\n", result.test, result.threads,
                        result.tokens_per_second, result.stddev, result.bytes_per_token, result.bandwidth,
                        result.bandwidth_stddev, result.roofline_fraction);
  return text;
}

std::string print_markdown(const std::vector<Result>& results, const std::string& model,
                           const std::string& target, const std::string& kernels) {
  std::string text = fmt::format("model {}, target {}, kernels: {}\n\n", model, target, kernels);
  text += "| test        | threads |       tokens/s | MB a token |  bandwidth GB/s | of roofline |\n";
  text += "| ----------- | ------: | -------------: | ---------: | --------------: | ----------: |\n";
  for (const Result& result : results)
    text += fmt::format(
        "| {:<11} | {:>7} | {:>7.2f} ± {:<4.2f} | {:>10.1f} | {:>8.1f} ± {:<4.1f} | {:>10.1f}% |\n",
        result.test, result.threads, result.tokens_per_second, result.stddev,
        static_cast<double>(result.bytes_per_token) / 1e6, result.bandwidth / 1e9,
        result.bandwidth_stddev / 1e9, 100 * result.roofline_fraction);
  for (const Result& result : results) {
    if (result.profiled) text += print_profile(*result.profiled);
  }
  return text;
}

Expected<int> bench_matrices(const BenchFlags& flags) {
  constexpr int64_t max_rows = 4096;
  ShapeBenchOptions options;
  for (const std::string& text : flags.shapes) {
    const Expected<ir::Problem> shape = parse_shape(text);
    if (!shape) return Error{fmt::format("-s: {}", shape.error().message), {}};
    options.shapes.push_back(*shape);
  }
  options.rows = flags.rows;
  if (std::ranges::any_of(flags.rows, [](int64_t rows) { return rows < 1 || rows > max_rows; }))
    return Error{fmt::format("--rows: numbers of rows must be between 1 and {}", max_rows), {}};
  TERN_ASSIGN(options.weights, parse_bench_weights(flags.weights));
  options.threads = flags.threads;
  if (options.threads.empty()) options.threads = {runtime::default_threads()};
  options.rounds = flags.rounds;
  options.target = flags.engine.target;
  options.records = flags.engine.records;
  catch_interrupts();
  const bool show_progress = isatty(STDERR_FILENO) != 0;
  const auto progress = [&](const ir::Problem& problem, size_t threads) {
    if (!show_progress) return;
    fmt::print(stderr, "\r\x1b[K{} x {}, {} rows on {} threads ...", problem.n, problem.k, problem.m,
               threads);
    std::fflush(stderr);
  };
  const Expected<std::vector<ShapeMeasurement>> all = bench_shapes(options, {progress, interrupted});
  if (show_progress) fmt::print(stderr, "\r\x1b[K");
  if (!all) return all.error();
  const int written = write_output("", flags.output == "json"  ? shape_bench_json(*all, options.target)
                                       : flags.output == "csv" ? shape_bench_csv(*all)
                                                               : shape_bench_markdown(*all, options.target));
  return interrupted() ? exit_interrupted : written;
}

Expected<int> bench(BenchFlags flags) {
  for (size_t threads : flags.threads) {
    if (threads < 1 || threads > 1024) return Error{"-t: threads must be between 1 and 1024", {}};
    flags.engine.threads = std::max(flags.engine.threads, threads);
  }
  if (!flags.shapes.empty()) return bench_matrices(flags);
  if (flags.profile && flags.output == "csv")
    return Error{"--profile: its tables are in md and json, not in csv", {}};
  if (flags.repetitions < 1) return Error{"-r: at least one run is needed", {}};
  TERN_ASSIGN(runtime::Session loaded, load_engine(flags.engine));
  runtime::Engine& engine = *loaded.engine;
  catch_interrupts();
  const bool show_progress = isatty(STDERR_FILENO) != 0;
  std::vector<Result> results;
  std::vector<runtime::EngineThreads> all(flags.threads.begin(), flags.threads.end());
  if (all.empty()) all.push_back(engine.threads());  // as they were tuned
  for (const runtime::EngineThreads& threads : all) {
    TERN_TRY(engine.set_threads(threads));
    TERN_ASSIGN(const runtime::BandwidthProbe probe, engine.bandwidth_probe());
    for (bool prefill : {true, false}) {
      for (size_t count : prefill ? flags.prompts : flags.generates) {
        if (count == 0 || interrupted()) continue;
        if (show_progress)
          fmt::print(stderr, "\r\x1b[K{} {} on {} ...", prefill ? "pp" : "tg", count, text(threads));
        const Expected<Result> result = measure(engine, prefill, count, flags, probe);
        if (!result && !interrupted()) return result.error();
        if (result) results.push_back(*result);
      }
    }
  }
  if (show_progress) fmt::print(stderr, "\r\x1b[K");
  const std::string model = flags.engine.model.empty() ? "tern-small" : flags.engine.model;
  const std::string target = engine.target().name;
  const std::string text = flags.output == "json"  ? print_json(results, model, target, loaded.kernels)
                           : flags.output == "csv" ? print_csv(results)
                                                   : print_markdown(results, model, target, loaded.kernels);
  const int written = write_output("", text);
  return interrupted() ? exit_interrupted : written;
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* command = app.add_subcommand(
      "bench", "Measure prefill (pp) and decoding (tg) speed, or products of a matrix shape");
  add_engine_options(*command, flags->engine, false);
  CLI::Option* const prompts =
      command->add_option("-p,--prompt", flags->prompts, "Tokens to prefill; several with commas; 0: none")
          ->delimiter(',')
          ->capture_default_str();
  CLI::Option* const generates =
      command->add_option("-n,--generate", flags->generates, "Tokens to decode; several with commas; 0: none")
          ->delimiter(',')
          ->capture_default_str();
  command
      ->add_option("-t,--threads", flags->threads,
                   "Threads; several with commas (default: as tuned, else one a core)")
      ->delimiter(',');
  CLI::Option* const depth =
      command->add_option("-d,--depth", flags->depth, "Tokens in the sequence before each run")
          ->capture_default_str();
  CLI::Option* const repetitions =
      command->add_option("-r,--repetitions", flags->repetitions, "Runs of each test")->capture_default_str();
  CLI::Option* const shapes =
      command
          ->add_option("-s,--shape", flags->shapes,
                       "Instead of a model, products of weights of this shape, outputs by inputs, such as "
                       "2560x6912; several with commas")
          ->delimiter(',')
          ->excludes(prompts)
          ->excludes(generates)
          ->excludes(depth)
          ->excludes(repetitions)
          ->excludes("--model");
  command->add_option("--rows", flags->rows, "With -s: rows of activations; several with commas")
      ->delimiter(',')
      ->capture_default_str()
      ->needs(shapes);
  command
      ->add_option(
          "--weights", flags->weights,
          "With -s: KERNEL[:ELEMENT][:gGROUP], several with commas, timed in turn: a packing (b2), a recipe "
          "(\"b2 dot\", see targets --recipes) or tuned, which is what a model runs; g128: an f16 scale for "
          "every 128 inputs. For example b2,b2:g128,b2:i2:g64")
      ->delimiter(',')
      ->capture_default_str()
      ->needs(shapes);
  command->add_option("--rounds", flags->rounds, "With -s: how often each kernel is timed")
      ->check(CLI::Range(3, 100000))
      ->capture_default_str()
      ->needs(shapes);
  command
      ->add_flag("--profile", flags->profile,
                 "Show what each step costs a token, and how long threads wait for each other")
      ->excludes(shapes);
  command->add_option("-o,--output", flags->output, "Form of the table")
      ->check(CLI::IsMember({"md", "json", "csv"}))
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    const Expected<int> code = bench(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools
