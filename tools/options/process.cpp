#include "tools/options/process.h"

#include <sys/resource.h>

#include <atomic>
#include <csignal>

namespace tern::tools {
namespace {

std::atomic<bool> interrupt_seen = false;

void on_interrupt(int signal) {
  interrupt_seen = true;
  std::signal(signal, SIG_DFL);
}

void on_any_interrupt(int) {
  interrupt_seen = true;
}

}  // namespace

size_t peak_memory() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
}
void watch_interrupts(bool always) {
  interrupt_seen = false;
  if (!always) return catch_interrupts();
  std::signal(SIGINT, on_any_interrupt);
}
void forget_interrupts() {
  std::signal(SIGINT, SIG_DFL);
}
bool interrupted() {
  return interrupt_seen;
}

}  // namespace tern::tools
