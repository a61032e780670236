#include "tools/tune/energy_source.h"

#include <cstdlib>
#include <memory>

namespace tern::tools {

Expected<autotune::JouleReader> joule_reader() {
  const char* const named = std::getenv("TERN_POWERCAP");
  Expected<autotune::EnergyMeter> meter = autotune::EnergyMeter::open(
      named != nullptr && *named != '\0' ? named : autotune::EnergyMeter::default_folder);
  if (!meter) return meter.error();
  constexpr std::chrono::milliseconds surely_a_step(200);
  if (const Status counts = meter->wait_for_step(surely_a_step); !counts) return counts.error();
  const auto shared = std::make_shared<autotune::EnergyMeter>(meter.take());
  return autotune::JouleReader([shared] { return shared->joules(); });
}

}  // namespace tern::tools
