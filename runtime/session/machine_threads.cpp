#include "runtime/session/machine_threads.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "targets/host.h"

namespace tern::runtime {

size_t default_threads() {
  const Expected<targets::Host>& host = targets::detect_host();
  if (host && host->target.cores.value_or(0) > 0) return static_cast<size_t>(*host->target.cores);
  return std::max(1u, std::thread::hardware_concurrency());
}

Expected<std::unique_ptr<ThreadPool>> make_bound_threads(size_t threads) {
  TERN_ASSIGN(const targets::Host host, targets::detect_host());
  std::vector<int> processors = host.processors;
  if (processors.size() < threads) processors.clear();
  return ThreadPool::make(threads, processors);
}

}  // namespace tern::runtime
