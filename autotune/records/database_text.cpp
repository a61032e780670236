#include "autotune/records/database_text.h"

#include <fmt/format.h>

#include <cctype>

#include "base/decimal.h"

namespace tern::autotune {
namespace {

template <class T>
std::string list(const std::vector<T>& items, std::string (*print_item)(const T&)) {
  std::string text = "[";
  for (const T& item : items) text += (text.size() > 1 ? ", " : "") + print_item(item);
  return text + "]";
}

std::string microseconds(double seconds) {
  return print_decimal(seconds, 6);
}

// A literal block, `indent` columns in.
std::string block(const ir::Kernel& kernel, size_t indent) {
  std::string text = "|\n";
  const std::string lines = print(kernel);
  for (size_t start = 0; start < lines.size();) {
    const size_t end = lines.find('\n', start) + 1;
    text.append(indent, ' ').append(lines, start, end - start);
    start = end;
  }
  return text;
}

std::string print_conditions(const Conditions& conditions) {
  return fmt::format("target: {}\nthreads: {}\n", scalar(conditions.target), conditions.threads);
}

// Nothing for Objective::time, the default.
std::string print_objective(Objective objective) {
  return objective == Objective::time ? "" : fmt::format("objective: {}\n", name(objective));
}

std::string print_timing(const Timing& timing) {
  std::string text = fmt::format("{{date: {}", scalar(timing.date));
  if (timing.rounds != 0)
    text += fmt::format(", microseconds: {}, spread: {}, rounds: {}", microseconds(timing.seconds),
                        print_decimal(timing.spread), timing.rounds);
  if (timing.cache_seconds != 0) text += fmt::format(", from cache: {}", microseconds(timing.cache_seconds));
  text += fmt::format(", ratio: {}, error: {}, load: {}", print_decimal(timing.ratio),
                      print_decimal(timing.error), print_decimal(timing.load));
  return text + "}";
}

}  // namespace

std::string scalar(std::string_view text) {
  constexpr std::string_view safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _./+;=-";
  const auto is_safe = [&](size_t i) {
    // The colons of a time are no colons of YAML.
    return safe.find(text[i]) != std::string_view::npos ||
           (text[i] == ':' && i + 1 < text.size() && std::isdigit(static_cast<unsigned char>(text[i + 1])));
  };
  bool plain = !text.empty() && std::isalnum(static_cast<unsigned char>(text.front())) &&
               text.back() != ' ' && text != "null" && text != "Null" && text != "NULL";
  for (size_t i = 0; i < text.size() && plain; ++i) plain = is_safe(i);
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n')
      quoted += "\\n";
    else if (code < 0x20 || code == 0x7f)
      quoted += fmt::format("\\x{:02x}", code);
    else
      quoted += c;
  }
  return quoted + '"';
}

std::string print_body(const Provenance& provenance) {
  std::string text = fmt::format(
      "cpu: {}\nfeatures: {}\nvector bits: {}\n", scalar(provenance.cpu),
      list<std::string>(provenance.features, [](const std::string& name) { return scalar(name); }),
      provenance.vector_bits);
  text += provenance.caches.empty() ? "caches: []\n" : "caches:\n";
  for (const targets::Cache& cache : provenance.caches)
    text += fmt::format("  - {{level: {}, bytes: {}, line bytes: {}, shared by cores: {}}}\n", cache.level,
                        cache.size_bytes, cache.line_bytes, cache.shared_by);
  return text + fmt::format("cores: {}\nllvm: {}\ngenerator: {}\n", provenance.cores, scalar(provenance.llvm),
                            provenance.generator);
}

std::string print_body(const Record& record) {
  std::string text = print_conditions(record.conditions);
  text += fmt::format("recipe: {}\n", scalar(record.recipe));
  if (record.predicted_seconds != 0)
    text += fmt::format("predicted microseconds: {}\n", microseconds(record.predicted_seconds));
  if (!record.refused.empty()) text += fmt::format("refused: {}\n", scalar(record.refused));
  if (!record.timings.empty()) text += "timings:\n";
  for (const Timing& timing : record.timings) text += "  - " + print_timing(timing) + "\n";
  return text + "kernel: " + block(record.kernel, 2);
}

std::string print_body(const Choice& choice) {
  std::string text = print_conditions(choice.conditions);
  text += fmt::format("date: {}\npredicted: {}\ncomplete: {}\nkernels:\n", scalar(choice.date),
                      choice.predicted, choice.complete);
  for (size_t i = 0; i < choice.kernels.size(); ++i)
    text +=
        fmt::format("  - microseconds: {}\n    ratio: {}\n    kernel: {}", microseconds(choice.seconds[i]),
                    print_decimal(choice.ratios[i]), block(choice.kernels[i], 6));
  return text;
}

std::string print_body(const ThreadChoice& threads) {
  std::string text = fmt::format(
      "model: {}\ndecode threads: {}\nprefill threads: {}\nprocessors: {}\ndate: {}\n", scalar(threads.model),
      threads.decode_threads, threads.prefill_threads,
      list<int>(threads.processors, [](const int& processor) { return fmt::to_string(processor); }),
      scalar(threads.date));
  text += print_objective(threads.objective);
  if (threads.decode_joules != 0 || threads.prefill_joules != 0)
    text += fmt::format("decode joules: {}\nprefill joules: {}\n", print_decimal(threads.decode_joules),
                        print_decimal(threads.prefill_joules));
  return text;
}

}  // namespace tern::autotune
