// Finding out what the running machine can do by doing it. CPUID lies in virtual machines in both directions
// that matter: it lists what traps, and the operating system may not save the registers that it lists. So a
// feature counts as present after one of its instructions ran and gave the right answer.
#pragma once

#include <string_view>
#include <vector>

#include "targets/feature.h"

namespace tern::targets {

// How to find out about one feature. `offered` asks the CPU and the operating system, without risk; `execute`
// runs the instruction, which may raise SIGILL, and is true if the result is right.
struct Probe {
  bool (*offered)();
  bool (*execute)();
};

enum class ProbeOutcome : uint8_t {
  works,
  not_offered,   // by the CPU or by the operating system; not run
  implied_lost,  // a feature that it implies does not work; not run
  illegal,       // offered, but it raised SIGILL
  wrong_result,  // it ran, and computed something else
  no_probe,      // of another architecture, or none is written
};
std::string_view describe(ProbeOutcome outcome);

struct ProbeReport {
  Feature feature;
  ProbeOutcome outcome;
};

// One report for each feature of the table. The probes run once, at the first call, from whichever thread
// makes it; SIGILL is handled meanwhile, and passed on if another thread raises it. For AMX the first call
// also obtains the kernel's permission, which then holds for the whole process.
const std::vector<ProbeReport>& probe_reports();

// The features that work. Closed under implication.
FeatureSet probed_features();

// Runs one probe, surviving SIGILL. For tests of the mechanism; everyone else reads probe_reports().
ProbeOutcome run_probe(const Probe& probe);

#if defined(__x86_64__)
namespace x86 {
extern const Probe sse2, ssse3, sse4_1, sse4_2, popcnt, avx, avx2, f16c, fma, bmi2, gfni, avxvnni,
    avxvnniint8;
extern const Probe avx512f, avx512cd, avx512bw, avx512dq, avx512vl, avx512vnni, avx512vbmi, avx512vbmi2;
extern const Probe avx512bf16, avx512fp16, amx_tile, amx_int8, amx_bf16;
}  // namespace x86
#elif defined(__aarch64__)
namespace arm {
extern const Probe neon, fp16, dotprod, i8mm, bf16, sve, sve2;
}  // namespace arm
#endif

}  // namespace tern::targets
