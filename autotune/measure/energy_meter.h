// How much energy the machine's processors take, where the system tells: the RAPL counters of Intel's and
// AMD's CPUs, as Linux shows them.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/expected.h"

namespace tern::autotune {

// Joules since some moment: what a piece of work took is the difference of two. An empty one: the machine
// does not tell.
using JouleReader = std::function<Expected<double>()>;

// The least that work must take for its joules to be known to a hundredth: the counters go on about every
// millisecond, by steps of 15 to 60 microjoules (Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 3, "RAPL Interfaces").
constexpr double min_metered_seconds = 0.1;

// Adds up the packages, with all that else runs on them. Their parts (cores, graphics) are in that already,
// `psys` would count them twice; the modules of memory are in none of them. Not for several threads at once.
//
// The files are those of the Linux kernel's Documentation/power/powercap/powercap.rst: a folder
// `intel-rapl:N` a domain, on CPUs of AMD too, in it `name` ("package-0", or "package-0-die-1"), `energy_uj`,
// and `max_energy_range_uj`, after which the counter begins anew.
class EnergyMeter {
 public:
  static constexpr const char* default_folder = "/sys/class/powercap";

  // Fails, and says why and what would help, where there are no packages, or none that this process may read.
  static Expected<EnergyMeter> open(const std::filesystem::path& folder);

  // All packages' joules since it was opened. A counter that began anew between two calls is seen to have
  // done so, once: at hundreds of watts they last for minutes. Fails if a file cannot be read any more.
  Expected<double> joules();

  // Fails if no counter moves for that long, as in virtual machines that only pretend to have them.
  Status wait_for_step(std::chrono::milliseconds most);

 private:
  struct Package {
    std::filesystem::path counter;
    uint64_t range = 0, last = 0;  // microjoules
  };
  std::vector<Package> packages_;
  uint64_t microjoules_ = 0;
};

}  // namespace tern::autotune
