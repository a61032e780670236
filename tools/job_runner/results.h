// The file of results: documents of YAML, each with a checksum, as `tern tune --import-results` reads them
// (autotune/records/documents.h, autotune/records/database_text.h). It is written anew after each bucket,
// whole or not at all.
#pragma once

#include <ctime>
#include <fstream>
#include <sstream>

#include "machine.h"
#include "measure.h"

namespace tern::job {

// FNV-1a
inline uint64_t checksum(const std::string& bytes) {
  uint64_t state = 0xcbf29ce484222325u;
  for (const char c : bytes) state = (state ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return state;
}

inline std::string document(const std::string& kind, const std::string& body) {
  char sum[32];
  const std::string guarded = kind + "\n" + job_digits + "\n" + body;
  std::snprintf(sum, sizeof sum, "%016llx", static_cast<unsigned long long>(checksum(guarded)));
  return "--- # " + kind + " of " + job_digits + ", checksum " + sum + "\n" + body + "...\n";
}

inline std::string number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6f", value);
  return text;
}

inline std::string date_now() {
  char text[32];
  const std::time_t now = std::time(nullptr);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

// Threads that want to run, beside this one.
inline int load_by_others() {
  std::ifstream file("/proc/loadavg");
  double average = 0;
  int running = 1;
  file >> average >> average >> average >> running;
  return file ? std::max(running - 1, 0) : 0;
}

inline std::string threads_line(int threads) {
  return "\nthreads: " + std::to_string(threads) + "\n";
}

inline std::string kernel_block(const tern_kernel& kernel) {
  std::istringstream lines(kernel.text);
  std::string text = "kernel: |\n";
  for (std::string line; std::getline(lines, line);) text += "  " + line + "\n";
  return text;
}

inline std::string record_body(const Entry& entry, int threads, int load) {
  const tern_kernel& kernel = candidates_bundle.targets[0].kernels[entry.candidate->kernel];
  std::string text = std::string("target: \"") + kernel.target + "\"" + threads_line(threads) + "recipe: \"" +
                     entry.candidate->recipe + "\"\n";
  if (!entry.refused.empty()) text += "refused: \"" + entry.refused + "\"\n";
  if (!entry.measured.empty()) {
    const Estimate ratio = entry.measured.ratio();
    const double seconds = median(entry.measured.seconds);
    text += "timings:\n  - {date: " + date_now() + ", microseconds: " + number(seconds * 1e6) +
            ", spread: " + number(typical_deviation(entry.measured.seconds) / seconds) +
            ", ratio: " + number(ratio.value) +
            ", error: " + number(std::isfinite(ratio.error) ? ratio.error : 1) +
            ", rounds: " + std::to_string(ratio.count) + ", load: " + std::to_string(load) + "}\n";
  }
  return text + kernel_block(kernel);
}

// What is known of the job so far.
class Results {
 public:
  Results(std::string file, int threads) : file_(std::move(file)), threads_(threads) {}

  // What an earlier run left in the file. What is wrong with it, if it cannot be gone on with.
  std::string resume() {
    std::ifstream in(file_);
    if (!in) return {};
    std::string text;
    for (std::string line; std::getline(in, line);) {
      if (text.empty() && line.rfind('#', 0) == 0) continue;
      text += line + "\n";
      if (line != "...") continue;
      const size_t first = text.find('\n') + 1, name = std::strlen("--- # ");
      const std::string body = text.substr(first, text.size() - first - std::strlen("...\n"));
      const std::string kind = text.substr(std::min(name, text.size()), text.find(" of ") - name);
      if (document(kind, body) != text) return "is damaged, or of another job";
      if (kind == "machine" && body != machine_) return "is of another device";
      if (kind == "kernel" && body.find(threads_line(threads_)) == std::string::npos)
        return "is of another number of threads";
      if (kind == "kernel" || kind == "tables") documents_.push_back(text);
      text.clear();
    }
    return text.empty() ? std::string() : "is damaged";
  }

  bool has(const Candidate& candidate) const {
    const std::string ending = kernel_block(candidates_bundle.targets[0].kernels[candidate.kernel]) + "...\n";
    return std::any_of(documents_.begin(), documents_.end(), [&](const std::string& text) {
      return text.size() > ending.size() &&
             text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
    });
  }

  void add(const std::vector<Entry>& entries) {
    const int load = load_by_others();
    for (const Entry& entry : entries) {
      documents_.push_back(document("kernel", record_body(entry, threads_, load)));
      for (size_t i = 0; i < entry.preparation_seconds.size(); ++i) {
        char hash[32];
        std::snprintf(hash, sizeof hash, "%016llx",
                      static_cast<unsigned long long>(entry.call->kernel.preparations[i]->program_hash));
        documents_.push_back(document("tables", "program: \"" + std::string(hash) + "\"\nmicroseconds: " +
                                                    number(entry.preparation_seconds[i] * 1e6) + "\n"));
      }
    }
  }

  // False if the file cannot be written.
  bool write(bool complete) const {
    const std::string fresh = file_ + ".new";
    {
      std::ofstream out(fresh);
      out << "# Times of kernels, measured on a device. Bring this file back to the folder of the job, "
             "then:\n"
             "# tern tune --import-results FOLDER\n"
          << document("machine", machine_);
      for (const std::string& text : documents_) out << text;
      out << document("end", "documents: " + std::to_string(documents_.size()) +
                                 "\ncomplete: " + (complete ? "true" : "false") + "\n");
      if (!out.flush()) return false;
    }
    return std::rename(fresh.c_str(), file_.c_str()) == 0;
  }

 private:
  const std::string file_;
  const int threads_;
  const std::string machine_ = machine_body();
  std::vector<std::string> documents_;
};

}  // namespace tern::job
