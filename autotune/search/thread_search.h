// How many threads are best for a model: measured by a race (autotune/measure/race.h), for the reasons are
// many. Decoding waits for memory, which a few cores keep busy; a second thread of one core helps some and
// hurts others; thrifty cores hold up fast ones.
#pragma once

#include <functional>
#include <vector>

#include "autotune/records/record.h"
#include "base/expected.h"

namespace tern::autotune {

// One way to run a model.
struct ThreadCandidate {
  int threads = 1;
  bool bound = false;  // each to a processor of its own: the first of Host::processors
  bool operator==(const ThreadCandidate&) const = default;
};

// 1, 2, 4 ... threads, one a core, and one a hardware thread: each with and without processors of their own.
std::vector<ThreadCandidate> thread_candidates(const targets::Host& host);

// What a candidate took once.
struct ThreadSample {
  double decode_seconds = 0;   // of one token
  double prefill_seconds = 0;  // of a prompt
  // The energy of the same; 0 where the machine does not tell.
  double decode_joules = 0, prefill_joules = 0;
};

// An entry of the race.
struct ThreadMeasurement {
  ThreadCandidate candidate;
  std::vector<ThreadSample> samples;  // one a round
  // The median of the rounds. Precondition: there are samples.
  double median_of(double ThreadSample::*what) const;
  std::vector<double> by_round(double ThreadSample::*what) const;
};

using MeasureThreads = std::function<Expected<ThreadSample>(const ThreadCandidate& candidate)>;

// Measures the candidates in rounds, at most 9 and, unless it is `interrupted`, at least 3 before `stop` can
// end it. After each round candidates leave that are far behind both in decoding and in prefill: in every
// round they took more than twice the objective of the best.
Expected<std::vector<ThreadMeasurement>> search_threads(const std::vector<ThreadCandidate>& candidates,
                                                        Objective objective, const MeasureThreads& measure,
                                                        const std::function<bool()>& stop,
                                                        const std::function<bool()>& interrupted);

// How many tokens and prompts a session has.
struct SessionLength {
  double tokens = 256, prompts = 2;
};

struct ThreadDecision {
  ThreadCandidate decode, prefill;  // equally bound
  double decode_seconds = 0, prefill_seconds = 0;
  double decode_joules = 0, prefill_joules = 0;
};

// The best for a session. A candidate whose median ratio to the best, over the rounds that both ran, is at
// most 1.02 is as good. Of time: fewer threads win such ties. Of energy: the fastest do. Threads without
// processors of their own win both, for they get along better with other programs. Precondition: every
// measurement has samples, and there is one.
ThreadDecision decide_threads(const std::vector<ThreadMeasurement>& measurements,
                              const SessionLength& session, Objective objective);

}  // namespace tern::autotune
