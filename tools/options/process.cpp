#include "tools/options/process.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "base/expected.h"
#include "tools/options/output_file.h"

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

int run_to_the_end(const std::function<int()>& command) {
  const auto unwritten = [](const std::string& why) {
    return report(machine_error(fmt::format("cannot write: {}", why), {"standard output"}));
  };
  try {
    const int code = command();
    const bool failed_before = std::ferror(stdout) != 0;
    if (std::fflush(stdout) != 0) return unwritten(std::strerror(errno));
    return failed_before ? unwritten("what was printed did not arrive") : code;
  } catch (const std::bad_alloc&) {
    return report(machine_error("there is not enough memory"));
  } catch (const std::system_error& error) {
    // fmt::print throws it where standard output takes nothing.
    return std::ferror(stdout) ? unwritten(error.code().message()) : report(machine_error(error.what()));
  } catch (const std::exception& error) {
    return report(Error{error.what(), {}, ErrorKind::bug});
  }
}

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
