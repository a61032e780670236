// What the tuner found out: measurements of kernels, and the choices that follow from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/kernel/kernel.h"
#include "targets/host.h"

namespace tern::autotune {

// Whose records these are. Records of another machine, or of code that another generator made, are not used.
struct Provenance {
  std::string cpu;                    // targets::text(Fingerprint): "x86_64/AuthenticAMD/26/2/1"
  std::vector<std::string> features;  // whose probes ran, sorted by name
  int vector_bits = 0;
  std::vector<targets::Cache> caches;
  int cores = 0;
  std::string llvm;   // its version
  int generator = 0;  // codegen::generator_version
  bool operator==(const Provenance&) const = default;
};

// That of this machine and this program.
Provenance provenance_of(const targets::Host& host);
// That of a target that is not at hand: `cpu` is "target/NAME".
Provenance provenance_of(const targets::Target& target);

// What differs, a line each, for people: "features: the records have avx512vbmi, this machine does not".
std::vector<std::string> differences(const Provenance& records, const Provenance& here);

// Under what circumstances a kernel was timed.
struct Conditions {
  std::string target;  // whose code it is: "host", or a narrower one's name
  int threads = 1;     // that shared each call
  bool operator==(const Conditions&) const = default;
};

// The times of one session. All numbers are finite and not negative.
struct Timing {
  double seconds = 0;        // the median of one call, with weights from memory; 0: not timed so
  double spread = 0;         // of the rounds' times: median absolute deviation / median * 1.4826
  double ratio = 0;          // to the default kernel's time, by all that was timed; below 1 is faster
  double error = 0;          // standard error of the ratio
  int rounds = 0;            // from memory
  std::string date;          // "2026-11-21T10:15:00Z"
  double load = 0;           // of the machine by others: runnable threads, beside ours
  double cache_seconds = 0;  // the median of one call, with weights from cache; 0: not timed so
  bool operator==(const Timing&) const = default;
};

// All that is known about one kernel.
struct Record {
  Conditions conditions;
  ir::Kernel kernel;
  std::string recipe;            // as print(Recipe), for people
  double predicted_seconds = 0;  // by the cost model; 0: not asked
  std::vector<Timing> timings;   // by date; none: it was only predicted, or refused
  std::string refused;           // why it must not be used: it crashed, or is not right; empty otherwise
  bool operator==(const Record&) const = default;
};

// The kernels for one matrix shape, which share packed weights.
struct Choice {
  Conditions conditions;
  std::vector<ir::Kernel> kernels;  // at least one, by ascending m; equal layouts
  std::vector<double> seconds;      // of each; 0: not measured
  std::vector<double> ratios;       // of each to the default kernel for its m
  bool predicted = false;           // by the cost model alone, nothing was measured
  bool complete = false;            // the search came to its end, rather than to the end of its time
  std::string date;
  bool operator==(const Choice&) const = default;
};

// What the best has least of.
enum class Objective : uint8_t { time, energy };
std::string_view name(Objective objective);  // "time"
std::optional<Objective> find_objective(std::string_view name);

// How many threads are best for a model, on which processors.
struct ThreadChoice {
  std::string model;  // "L30 d2560 f6912 h20/5 v128256": its shape
  int decode_threads = 0, prefill_threads = 0;
  std::vector<int> processors;  // as the system numbers them; thread i runs on the i-th; empty: anywhere
  std::string date;
  Objective objective = Objective::time;
  // Of one token, with these threads; 0 where the machine does not tell.
  double decode_joules = 0, prefill_joules = 0;
  bool operator==(const ThreadChoice&) const = default;
};

}  // namespace tern::autotune
