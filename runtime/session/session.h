// A model that is opened for use on this machine: with the kernels, the threads and the compiled code that
// this machine has for it. The options are plain values, for a command line, a server or a binding alike.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/expected.h"
#include "runtime/execute/engine.h"
#include "runtime/session/tuned_kernels.h"
#include "runtime/session/warn.h"

namespace tern::runtime {

struct SessionOptions : ModelOptions {
  std::string target = "host";  // as targets::find_runnable_target takes it
  size_t threads = 0;           // 0: the number tuned for the model's shape, else one a core
  RecordOptions records;
  // Folder of compiled kernels, and of the weights of models that are larger than memory; empty:
  // codegen::ObjectCache::default_folder() and default_page_folder().
  std::string cache;
  bool no_cache = false;  // compiles every kernel anew, and keeps none
  // Tries other kernels while the model runs, and keeps what is better in the file of records
  // (runtime/session/background_tuner.h).
  bool tune_beside = false;
};

struct Session {
  std::unique_ptr<Engine> engine;
  std::string kernels;  // their origin, for people: "12 tuned (FILE, 2026-11-21), 3 default"
  bool threads_are_tuned = false;
  // If the session tunes beside the model: BackgroundTuner::end, else a function that returns "". May be
  // called any number of times, on the thread that runs the engine; the session's destruction ends the tuning
  // too.
  std::function<std::string()> end_tuning = {};
};

// Opens a model. Errors: those of Engine::load; a target that this machine cannot run (of kind machine), a
// file of records that was named and is missing or not of this machine, a cache that cannot be made.
Expected<Session> open_session(const SessionOptions& options, const Warn& warn = {});

}  // namespace tern::runtime
