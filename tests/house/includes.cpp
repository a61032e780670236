#include "includes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>

namespace tern::house {
namespace {

namespace fs = std::filesystem;

// Lowest first: a floor includes itself and what stands before it.
constexpr std::array<std::string_view, 9> floors = {"base",     "ir",      "targets", "codegen", "kernels",
                                                    "autotune", "runtime", "serve",   "tools"};

// The rooms of a floor, lowest first: what lies in a room includes that room and those before it. Files of a
// floor that lie in no room are in the room "".
struct FloorRooms {
  std::string_view floor;
  std::vector<std::string_view> rooms;
};

const std::vector<FloorRooms>& rooms() {
  static const std::vector<FloorRooms> table = {
      {"base", {""}},
      {"ir", {"", "kernel", "program"}},
      {"targets", {""}},
      {"codegen", {"lower", "emit", "jit", "cost", "bundle"}},
      {"kernels", {""}},
      {"autotune", {"measure", "records", "search", "offline"}},
      {"runtime",
       {"tensor", "gguf", "text", "grammar", "source", "convert", "graph", "model", "math", "sequence",
        "execute", "generate", "session", "jinja", "chat"}},
      {"serve", {"scheduler", "answer", "api", "http"}},
      {"tools", {"options", "tune", "db", "bench", "eval", "chat", "", "tern_run", "job_runner"}},
  };
  return table;
}

// Folders that are no floors, and may include any of them.
constexpr std::array<std::string_view, 2> outbuildings = {"tests", "bench"};

// A library that is not the C++ standard library's, by how its headers begin, and the only files that may
// include them: those whose path starts with one of `places`, or ends in `ending` if that is not empty.
struct Stranger {
  std::string_view header;
  std::vector<std::string_view> places;
  std::string_view ending = {};
};

// The first row that fits a header counts. A header that fits none is for nobody.
const std::vector<Stranger>& strangers() {
  static const std::vector<std::string_view> beside_ir = {
      "base/", "targets/", "codegen/", "kernels/", "autotune/", "runtime/", "tools/", "tests/", "bench/"};
  static const std::vector<Stranger> table = {
      {"fmt/", {""}},
      {"stdint.h", {"codegen/bundle/bundle_abi.h"}},  // which is C
      {"llvm/", {"codegen/"}},
      {"yaml-cpp/", {"autotune/records/yaml_reader.h"}, "_yaml.cpp"},  // one file a format
      {"hwloc.h", {"targets/"}},
      {"hwy/", {"base/thread_pool.cpp", "runtime/math/", "runtime/execute/bandwidth.cpp"}},
      {"pcre2.h", {"runtime/text/pre_tokenizer.cpp"}},
      {"utf8proc.h", {"runtime/text/nfc.cpp"}},
      {"histedit.h", {"tools/chat/line_editor.cpp"}},
      {"langinfo.h", {"tools/chat/line_editor.cpp"}},
      {"nlohmann/", {"runtime/", "serve/", "tools/", "tests/"}},
      {"boost/", {"serve/http/"}},
      {"CLI/", {"tools/"}},
      {"gtest/", {"tests/"}},
      {"gmock/", {"tests/"}},
      {"benchmark/", {"autotune/measure/", "bench/"}},
      // What a CPU can do is found out in targets/. Intrinsics have no row: codegen/ and Highway make
      // vectors.
      {"cpuid.h", {"targets/probe_"}},
      {"asm/", {"targets/probe_"}},
      {"sys/auxv.h", {"targets/probe_"}},
      {"sys/syscall.h", {"targets/probe_"}},
      // POSIX and Linux
      {"sys/", beside_ir},
      {"fcntl.h", beside_ir},
      {"unistd.h", beside_ir},
      {"dirent.h", beside_ir},
      {"sched.h", beside_ir},
      {"spawn.h", beside_ir},
      {"pthread.h", beside_ir},
      {"poll.h", {"tools/chat/", "tests/"}},
      {"pty.h", {"tests/"}},
      {"arpa/inet.h", {"tests/"}},
      {"netinet/in.h", {"tests/"}},
  };
  return table;
}

std::string_view first_folder(std::string_view path) {
  return path.substr(0, path.find('/'));
}

bool is_outbuilding(std::string_view folder) {
  return std::ranges::find(outbuildings, folder) != outbuildings.end();
}

std::optional<size_t> floor_of(std::string_view path) {
  const auto found = std::ranges::find(floors, first_folder(path));
  if (found == floors.end()) return std::nullopt;
  return found - floors.begin();
}

// The folder below the floor's in which a file lies; "" if it lies in the floor's own.
std::string_view room_of(std::string_view path) {
  path.remove_prefix(std::min(first_folder(path).size() + 1, path.size()));
  return path.find('/') == std::string_view::npos ? std::string_view() : first_folder(path);
}

struct Include {
  bool angled = false;  // <...>, not "..."
  std::string header;
};

// The #include that a line is; nothing if it is none.
std::optional<Include> parse_include(std::string_view line) {
  const auto skip_spaces = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
  skip_spaces();
  if (!line.starts_with('#')) return std::nullopt;
  line.remove_prefix(1);
  skip_spaces();
  if (!line.starts_with("include")) return std::nullopt;
  line.remove_prefix(std::string_view("include").size());
  skip_spaces();
  if (!line.starts_with('<') && !line.starts_with('"')) return std::nullopt;
  const bool angled = line.front() == '<';
  line.remove_prefix(1);
  return Include{angled, std::string(line.substr(0, line.find(angled ? '>' : '"')))};
}

// Why a file may not include a header of another room on its floor; empty if it may.
std::string breach_of_rooms(std::string_view floor, std::string_view file, std::string_view header) {
  const std::vector<std::string_view>& order = std::ranges::find(rooms(), floor, &FloorRooms::floor)->rooms;
  const auto from = std::ranges::find(order, room_of(file)), to = std::ranges::find(order, room_of(header));
  for (const std::string_view path : {file, header}) {
    if (std::ranges::find(order, room_of(path)) == order.end())
      return fmt::format("{}/{} has no row in tests/house/includes.cpp", floor, room_of(path));
  }
  if (to <= from) return {};
  return fmt::format("{}/{} lies above {}/{}", floor, *to, floor, *from);
}

// Why a file may not include one of our own headers; empty if it may.
std::string breach_of_floors(std::string_view file, std::string_view header) {
  const std::optional<size_t> from = floor_of(file), to = floor_of(header);
  if (from && is_outbuilding(first_folder(header)))
    return fmt::format("{}/ is no floor", first_folder(header));
  if (!from || !to || *to < *from) return {};
  if (*to == *from)  // a header without a folder lies beside the file
    return header == first_folder(header) ? std::string() : breach_of_rooms(floors[*to], file, header);
  return fmt::format("{}/ lies above {}/", floors[*to], floors[*from]);
}

// Why a file may not include a header of somebody else; empty if it may.
std::string breach_of_doors(std::string_view file, std::string_view header) {
  if (header.find_first_of("./") == std::string_view::npos) return {};  // the standard library
  for (const Stranger& stranger : strangers()) {
    if (!header.starts_with(stranger.header)) continue;
    const bool in_place =
        std::ranges::any_of(stranger.places, [&](auto place) { return file.starts_with(place); });
    if (in_place || (!stranger.ending.empty() && file.ends_with(stranger.ending))) return {};
    return "that library is not for this file";
  }
  return "that library has no row in tests/house/includes.cpp";
}

std::string breach(std::string_view file, const Include& include) {
  // Highway's headers are quoted too, so what is ours shows by its folder; tests name neighbours without one.
  const std::string_view folder = first_folder(include.header);
  const bool ours =
      !include.angled && (floor_of(include.header) || is_outbuilding(folder) || folder == include.header);
  return ours ? breach_of_floors(file, include.header) : breach_of_doors(file, include.header);
}

std::vector<fs::path> sources_beneath(const fs::path& root) {
  std::vector<fs::path> files;
  const auto collect = [&](std::string_view folder) {
    if (!fs::exists(root / folder)) return;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      const fs::path extension = entry.path().extension();
      if (extension == ".h" || extension == ".cpp") files.push_back(entry.path());
    }
  };
  std::ranges::for_each(floors, collect);
  std::ranges::for_each(outbuildings, collect);
  std::ranges::sort(files);
  return files;
}

}  // namespace

std::vector<std::string> find_forbidden_includes(const fs::path& root) {
  std::vector<std::string> breaches;
  for (const fs::path& path : sources_beneath(root)) {
    const std::string file = path.lexically_relative(root).generic_string();
    std::ifstream stream(path);
    std::string line;
    for (int number = 1; std::getline(stream, line); ++number) {
      const std::optional<Include> include = parse_include(line);
      if (!include) continue;
      const std::string why = breach(file, *include);
      if (!why.empty())
        breaches.push_back(fmt::format("{}:{}: includes {}: {}", file, number, include->header, why));
    }
  }
  return breaches;
}

}  // namespace tern::house
