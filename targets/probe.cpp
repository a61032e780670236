#include "targets/probe.h"

#include <csetjmp>
#include <csignal>
#include <mutex>

namespace tern::targets {
namespace {

// Where a thread that is probing goes on after SIGILL. A thread of its own may raise the signal for reasons
// of its own meanwhile, so the handler looks at the thread that it runs in.
thread_local sigjmp_buf after_illegal;
thread_local volatile std::sig_atomic_t is_probing = 0;
struct sigaction previous_action;

void on_illegal_instruction(int number, siginfo_t* information, void* context) {
  if (is_probing) siglongjmp(after_illegal, 1);
  if (previous_action.sa_flags & SA_SIGINFO) {
    previous_action.sa_sigaction(number, information, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(number);
  } else {
    sigaction(number, &previous_action, nullptr);
    raise(number);
  }
}

// Handles SIGILL, even where this thread has blocked it, for as long as it lives.
class IllegalInstructionGuard {
 public:
  IllegalInstructionGuard() {
    sigaction(SIGILL, nullptr, &previous_action);  // known before the handler can need it
    struct sigaction action = {};
    action.sa_sigaction = on_illegal_instruction;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGILL, &action, nullptr);
    sigset_t unblocked;
    sigemptyset(&unblocked);
    sigaddset(&unblocked, SIGILL);
    pthread_sigmask(SIG_UNBLOCK, &unblocked, &previous_mask_);
  }
  ~IllegalInstructionGuard() {
    pthread_sigmask(SIG_SETMASK, &previous_mask_, nullptr);
    sigaction(SIGILL, &previous_action, nullptr);
  }
  IllegalInstructionGuard(const IllegalInstructionGuard&) = delete;
  IllegalInstructionGuard& operator=(const IllegalInstructionGuard&) = delete;

 private:
  sigset_t previous_mask_;
};

// Nothing with a destructor may live in this frame: siglongjmp would pass it by.
ProbeOutcome execute_guarded(const Probe& probe) {
  if (sigsetjmp(after_illegal, 1) != 0) {
    is_probing = 0;
    return ProbeOutcome::illegal;
  }
  is_probing = 1;
  const bool is_right = probe.execute();
  is_probing = 0;
  return is_right ? ProbeOutcome::works : ProbeOutcome::wrong_result;
}

std::vector<ProbeReport> probe_all() {
  std::vector<ProbeReport> reports;
  FeatureSet working;
  for (const FeatureInfo& row : feature_table()) {
    ProbeOutcome outcome = ProbeOutcome::no_probe;
    if (row.probe != nullptr)
      outcome = working.contains(row.implies) ? run_probe(*row.probe) : ProbeOutcome::implied_lost;
    if (outcome == ProbeOutcome::works) working.insert(row.feature);
    reports.push_back({row.feature, outcome});
  }
  return reports;
}

}  // namespace

std::string_view describe(ProbeOutcome outcome) {
  switch (outcome) {
    case ProbeOutcome::works: return "works";
    case ProbeOutcome::not_offered: return "not offered by the CPU or the operating system";
    case ProbeOutcome::implied_lost: return "not run: a feature that it builds on does not work";
    case ProbeOutcome::illegal: return "offered, but raises SIGILL";
    case ProbeOutcome::wrong_result: return "offered, but computes something else";
    case ProbeOutcome::no_probe: return "not of this architecture";
  }
  return "";
}

ProbeOutcome run_probe(const Probe& probe) {
  static std::mutex one_at_a_time;
  const std::scoped_lock lock(one_at_a_time);
  if (!probe.offered()) return ProbeOutcome::not_offered;
  const IllegalInstructionGuard guard;
  return execute_guarded(probe);
}

const std::vector<ProbeReport>& probe_reports() {
  static const std::vector<ProbeReport> reports = probe_all();
  return reports;
}

FeatureSet probed_features() {
  FeatureSet result;
  for (const ProbeReport& report : probe_reports())
    if (report.outcome == ProbeOutcome::works) result.insert(report.feature);
  return result;
}

}  // namespace tern::targets
