// Checks and times the kernels of a job on the device that they are for. It needs a C++17 compiler, this
// folder and nothing else:
//
//     g++ -std=c++17 -O2 -pthread -I. runner.cpp libcandidates.a -o runner
//     ./runner --budget 60
#include <cstdio>
#include <cstdlib>

#include "results.h"

namespace tern::job {
namespace {

volatile std::sig_atomic_t interrupt_seen = 0;

struct Options {
  double budget = 60;  // seconds
  int threads = 1;
  double megabytes = 0;  // of weights that are read in turn; 0: as the caches ask for
  std::string output = "results.yaml";
};

int usage(const char* program) {
  std::fprintf(stderr,
               "%s: checks and times the kernels of this job\n"
               "  --budget SECONDS   to take, about (60)\n"
               "  --threads N        that share each call (1)\n"
               "  --memory MB        of weights, so that they come from memory (4 times the largest cache)\n"
               "  --output FILE      of results; one that is there is gone on with (results.yaml)\n",
               program);
  return 2;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc) return false;
    const char* value = argv[i + 1];
    if (name == "--budget")
      options.budget = std::atof(value);
    else if (name == "--threads")
      options.threads = std::atoi(value);
    else if (name == "--memory")
      options.megabytes = std::atof(value);
    else if (name == "--output")
      options.output = value;
    else
      return false;
  }
  return options.budget > 0 && options.threads >= 1 && options.threads <= 1024 && options.megabytes >= 0;
}

size_t bytes_of_weights(const Options& options) {
  int64_t bytes = int64_t{64} << 20;
  for (const Cache& cache : find_caches()) bytes = std::max(bytes, 4 * cache.bytes);
  if (options.megabytes > 0) bytes = static_cast<int64_t>(options.megabytes * 1e6);
  // At least one copy of the largest matrix.
  for (int64_t i = 0; i < candidates_bundle.targets[0].kernel_count; ++i)
    bytes = std::max(bytes, candidates_bundle.targets[0].kernels[i].buffers[0].bytes + 4096);
  return static_cast<size_t>(bytes);
}

// What is right, ready to be timed.
std::vector<Entry> prepare(const Bucket& bucket, const Inputs& inputs, Timer& timer, int threads) {
  std::vector<Entry> entries;
  for (int i = 0; i < bucket.candidate_count; ++i) {
    Entry entry = {bucket.candidates + i, nullptr, {}, 1, {}, {}};
    entry.refused = check_guarded(inputs, *entry.candidate);
    if (!entry.refused.empty())
      std::printf("  refused: %s: %s\n", entry.candidate->recipe, entry.refused.c_str());
    entries.push_back(std::move(entry));
  }
  // Without the default kernel there is nothing to compare with.
  if (!entries.front().refused.empty()) return entries;
  for (Entry& entry : entries) {
    if (!entry.refused.empty()) continue;
    entry.call = std::make_unique<Call>(inputs, *entry.candidate);
    entry.calls = calls_of_a_sample(timer, *entry.call);
    const tern_kernel& kernel = entry.call->kernel;
    for (int64_t i = 0; i < kernel.preparation_count; ++i)
      entry.preparation_seconds.push_back(
          time_preparation(*entry.call, *kernel.preparations[i], threads, bucket.m));
  }
  return entries;
}

void print_best(const std::vector<Entry>& entries) {
  const Entry* best = nullptr;
  for (const Entry& entry : entries) {
    if (!entry.measured.empty() && (!best || entry.ratio() < best->ratio())) best = &entry;
  }
  if (!best) return;
  std::printf("  default %.1f us, best %.1f us (%.2fx): %s\n", median(entries[0].measured.seconds) * 1e6,
              best->ratio() * median(entries[0].measured.seconds) * 1e6, 1 / best->ratio(),
              best->candidate->recipe);
}

int run(const Options& options) {
  for (const char* feature : job_needs) {
    const bool claimed = std::any_of(std::begin(job_claims), std::end(job_claims), [&](const Claim& claim) {
      return std::strcmp(claim.feature, feature) == 0 && claim.claimed();
    });
    if (!claimed) std::printf("this CPU does not claim %s, for which these kernels were made\n", feature);
  }
  Results results(options.output, options.threads);
  if (const std::string wrong = results.resume(); !wrong.empty()) {
    std::fprintf(stderr, "%s %s: move it away, or name another --output\n", options.output.c_str(),
                 wrong.c_str());
    return 2;
  }
  Timer timer(options.threads, bytes_of_weights(options));
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const auto interrupted = [] { return interrupt_seen != 0; };
  const auto count = static_cast<int>(std::size(job_buckets));
  int known = 0;
  bool written = true;
  for (int i = 0; i < count && written; ++i) {
    const Bucket& bucket = job_buckets[i];
    const bool done = std::all_of(bucket.candidates, bucket.candidates + bucket.candidate_count,
                                  [&](const Candidate& candidate) { return results.has(candidate); });
    known += done;
    // A first look at everything is worth more than the last digit of something.
    if (done || interrupted() || (elapsed() > options.budget && i > 0)) continue;
    const double left = options.budget - elapsed(), deadline = elapsed() + left / (count - i);
    std::printf("[%d of %d, %.0f s left] %lld x %lld, %lld rows, %d kernels\n", i + 1, count,
                std::max(left, 0.0), static_cast<long long>(bucket.n), static_cast<long long>(bucket.k),
                static_cast<long long>(bucket.m), bucket.candidate_count);
    std::fflush(stdout);
    const Inputs inputs(bucket);
    std::vector<Entry> entries = prepare(bucket, inputs, timer, options.threads);
    const bool usable = entries.front().call != nullptr;
    if (usable && !race(
                      timer, entries, [&] { return elapsed() > deadline; }, interrupted))
      continue;
    print_best(entries);
    results.add(entries);
    ++known;
    written = results.write(known == count);
  }
  written = written && results.write(known == count);
  if (!written) {
    std::fprintf(stderr, "%s cannot be written\n", options.output.c_str());
    return 1;
  }
  std::printf("%d of %d done: %s%s\n", known, count, options.output.c_str(),
              known == count ? "" : "; the same command goes on");
  return interrupted() ? 130 : 0;
}

}  // namespace
}  // namespace tern::job

int main(int argc, char** argv) {
  tern::job::Options options;
  if (!tern::job::parse(argc, argv, options)) return tern::job::usage(argv[0]);
  std::signal(SIGINT, [](int signal) {
    tern::job::interrupt_seen = 1;
    std::signal(signal, SIG_DFL);
  });
  return tern::job::run(options);
}
