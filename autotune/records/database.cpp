#include "autotune/records/database.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "autotune/records/database_text.h"
#include "autotune/records/documents.h"
#include "base/hash.h"

namespace tern::autotune {
namespace {

constexpr std::string_view machine_kind = "machine", record_kind = "kernel", choice_kind = "choice",
                           threads_kind = "threads";

constexpr std::string_view preface =
    "# Kernels that Tern measured. Each document has a checksum: delete whole ones, append other files, but "
    "change\n"
    "# nothing inside. ratio: time / that of the default kernel; spread: of the rounds' times, error: of the "
    "ratio,\n"
    "# both relative to 1; load: processes that others ran meanwhile.\n";

std::string describe(const Provenance& provenance) {
  return fmt::format("{} ({})", machine_digits(provenance), provenance.cpu);
}

class DatabaseParser {
 public:
  DatabaseParser(std::string_view text, const std::string& file, bool with_records)
      : stretches_(split(text)), file_(file), with_records_(with_records) {}

  Expected<ParsedDatabase> run() {
    if (!find_machine())
      return Error{
          "holds no undamaged document that says which machine was measured: it is no database, or one for "
          "'tern db verify --repair'",
          {file_, 0, 0}};
    for (const Stretch& stretch : stretches_) {
      if (!with_records_ && stretch.begins_as(record_kind)) continue;
      if (const Status status = read(stretch); !status)
        result_.quarantined.push_back({std::string(stretch.text), status.error()});
    }
    // Files that were joined may repeat themselves.
    result_.database.provenance = found_.provenance;
    merge(result_.database, found_);
    return std::move(result_);
  }

 private:
  bool find_machine() {
    for (const Stretch& stretch : stretches_) {
      if (!stretch.begins_as(machine_kind)) continue;
      const Expected<Document> document = read_document(stretch, file_);
      if (!document) continue;
      Expected<Provenance> provenance = read_provenance(*document, file_);
      if (!provenance) continue;
      found_.provenance = provenance.take();
      machine_ = machine_digits(found_.provenance);
      return true;
    }
    return false;
  }

  // Adds what the document says, or fails if it is damaged.
  Status read(const Stretch& stretch) {
    const Expected<Document> document = read_document(stretch, file_);
    if (!document) return document.error();
    if (document->machine != machine_)
      return Error{fmt::format("the document is of machine {}, and the others of {}", document->machine,
                               describe(found_.provenance)),
                   {file_, stretch.line, 0}};
    if (document->kind == machine_kind) {
      const Expected<Provenance> provenance = read_provenance(*document, file_);
      if (!provenance) return provenance.error();
      if (*provenance == found_.provenance) return {};
      return Error{"another machine has the same digits", {file_, stretch.line, 0}};
    }
    if (document->kind == record_kind) return add(read_record(*document, file_), found_.records);
    if (document->kind == choice_kind) return add(read_choice(*document, file_), found_.choices);
    if (document->kind == threads_kind) return add(read_thread_choice(*document, file_), found_.threads);
    return Error{fmt::format("this version of Tern does not know documents of kind '{}'", document->kind),
                 {file_, stretch.line, 0}};
  }

  template <class T>
  static Status add(Expected<T> value, std::vector<T>& values) {
    if (!value) return value.error();
    values.push_back(value.take());
    return {};
  }

  std::vector<Stretch> stretches_;
  const std::string& file_;
  bool with_records_;
  std::string machine_;
  Database found_;  // as it stands, with repetitions
  ParsedDatabase result_;
};

void merge_record(Record& into, const Record& other) {
  for (const Timing& timing : other.timings) {
    if (std::ranges::find(into.timings, timing) == into.timings.end()) into.timings.push_back(timing);
  }
  std::ranges::stable_sort(into.timings, {}, &Timing::date);
  if (into.recipe.empty()) into.recipe = other.recipe;
  if (into.refused.empty()) into.refused = other.refused;
  if (other.predicted_seconds != 0) into.predicted_seconds = other.predicted_seconds;
}

// Equal for kernels that are equal but for their names.
std::string key_of(const Record& record) {
  return fmt::format("{:016x} {} {}", hash(record.kernel), record.conditions.threads,
                     record.conditions.target);
}

bool same_use(const Choice& a, const Choice& b) {
  return a.conditions == b.conditions && same_shape(a.kernels.front().problem, b.kernels.front().problem);
}

// Whether a choice takes the place of an earlier one.
bool supersedes(const Choice& next, const Choice& earlier) {
  if (next.predicted != earlier.predicted) return earlier.predicted;
  return next.date != earlier.date ? next.date > earlier.date : next.complete >= earlier.complete;
}

}  // namespace

std::string machine_digits(const Provenance& provenance) {
  return fmt::format("{:08x}", fnv1a(print_body(provenance)) >> 32);
}

Expected<ParsedDatabase> parse_database(std::string_view text, const std::string& file) {
  return DatabaseParser(text, file, true).run();
}

Expected<ParsedDatabase> parse_choices(std::string_view text, const std::string& file) {
  return DatabaseParser(text, file, false).run();
}

std::string print(const Database& database) {
  const std::string machine = machine_digits(database.provenance);
  std::string text(preface);
  const auto add = [&](std::string_view kind, const std::string& body) {
    text += print(Document{kind, machine, body});
  };
  add(machine_kind, print_body(database.provenance));
  for (const Choice& choice : database.choices) add(choice_kind, print_body(choice));
  for (const ThreadChoice& threads : database.threads) add(threads_kind, print_body(threads));
  for (const Record& record : database.records) add(record_kind, print_body(record));
  return text;
}

void merge(Database& into, const Database& other) {
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < into.records.size(); ++i) places.emplace(key_of(into.records[i]), i);
  for (const Record& record : other.records) {
    const auto [place, is_new] = places.emplace(key_of(record), into.records.size());
    if (is_new)
      into.records.push_back(record);
    else
      merge_record(into.records[place->second], record);
  }
  for (const Choice& choice : other.choices) {
    const auto same =
        std::ranges::find_if(into.choices, [&](const Choice& c) { return same_use(c, choice); });
    if (same == into.choices.end())
      into.choices.push_back(choice);
    else if (supersedes(choice, *same))
      *same = choice;
  }
  for (const ThreadChoice& threads : other.threads) {
    const auto same = std::ranges::find(into.threads, threads.model, &ThreadChoice::model);
    if (same == into.threads.end())
      into.threads.push_back(threads);
    else if (threads.date >= same->date)
      *same = threads;
  }
}

}  // namespace tern::autotune
