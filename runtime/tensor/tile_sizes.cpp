#include "runtime/tensor/tile_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace tern::runtime {
namespace {

constexpr uint64_t largest = 1u << 24;

// bitnet.cpp's setup_env.py, commit 16da220. For the shapes of the first two models other programs of
// theirs, the presets, have the same or other numbers: who used these must say so.
constexpr TileSizes tl1_table[] = {
    {1536, 4096, 256, 128, 32},  {1536, 1536, 128, 64, 64},  {4096, 1536, 256, 128, 32},
    {3200, 8640, 160, 64, 32},   {3200, 3200, 320, 128, 64}, {8640, 3200, 320, 64, 32},
    {14336, 4096, 256, 128, 32}, {4096, 14336, 128, 64, 64}, {1024, 4096, 256, 128, 32},
    {4096, 4096, 128, 64, 64},
};
constexpr TileSizes tl2_table[] = {
    {1536, 4096, 256, 96, 32},  {1536, 1536, 128, 192, 32}, {4096, 1536, 256, 96, 32},
    {3200, 8640, 160, 96, 32},  {3200, 3200, 320, 96, 32},  {8640, 3200, 320, 96, 32},
    {14336, 4096, 256, 96, 32}, {4096, 14336, 128, 96, 32}, {1024, 4096, 256, 96, 32},
    {4096, 4096, 128, 96, 32},
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

struct Key {
  std::string_view name;
  uint64_t TileSizes::*field;
};
constexpr std::array<Key, 5> keys = {{{"m", &TileSizes::n},
                                      {"k", &TileSizes::k},
                                      {"bm", &TileSizes::rows},
                                      {"bk", &TileSizes::columns},
                                      {"bmm", &TileSizes::inner_rows}}};

class TileParser {
 public:
  TileParser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Expected<std::vector<TileSizes>> run() {
    while (!text_.empty()) {
      ++line_;
      const size_t end = text_.find('\n');
      const std::string_view line = trim(text_.substr(0, end));
      text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
      if (line.empty() || line.front() == '#' || line.front() == ';') continue;
      if (line.front() == '[') {
        if (line.back() != ']') return fault("the name of a section does not end in ]");
        TERN_TRY(end_section());
        section_ = line_;
        continue;
      }
      TERN_TRY(read_key(line));
    }
    TERN_TRY(end_section());
    if (all_.empty()) return fault("there are no tile sizes in this file");
    return std::move(all_);
  }

 private:
  Error fault(std::string message) const { return fault_at(line_, std::move(message)); }
  Error fault_at(int line, std::string message) const { return Error{std::move(message), {file_, line, 1}}; }

  Status read_key(std::string_view line) {
    if (section_ == 0) return fault("a line before the first section, such as [Kernels_0]");
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) return fault("not of the form `bm = 256`");
    std::string name(trim(line.substr(0, equals)));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto key = std::ranges::find(keys, name, &Key::name);
    if (key == keys.end()) return fault("the key is none of m, k, bm, bk and bmm");
    const std::string_view digits = trim(line.substr(equals + 1));
    uint64_t value = 0;
    const auto [stop, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (problem != std::errc() || stop != digits.data() + digits.size() || value < 1 || value > largest)
      return fault(fmt::format("{} is not a whole number from 1 to {}", name, largest));
    if (sizes_.*key->field != 0) return fault(fmt::format("{} is given twice in a section", name));
    sizes_.*key->field = value;
    return {};
  }

  Status end_section() {
    if (section_ == 0) return {};
    for (const Key& key : keys) {
      if (sizes_.*key.field == 0) return fault_at(section_, fmt::format("the section has no {}", key.name));
    }
    const auto is_same = [&](const TileSizes& other) { return other.n == sizes_.n && other.k == sizes_.k; };
    if (std::ranges::any_of(all_, is_same))
      return fault_at(section_, fmt::format("matrices of {} x {} occur twice", sizes_.n, sizes_.k));
    all_.push_back(sizes_);
    sizes_ = {};
    return {};
  }

  std::string_view text_;
  const std::string& file_;
  int line_ = 0, section_ = 0;  // lines; of the section's first, 0 before there is one
  TileSizes sizes_;
  std::vector<TileSizes> all_;
};

}  // namespace

std::optional<TileSizes> known_tile_sizes(TensorType type, uint64_t n, uint64_t k) {
  const auto find = [&](const auto& table) -> std::optional<TileSizes> {
    for (const TileSizes& tiles : table) {
      if (tiles.n == n && tiles.k == k) return tiles;
    }
    return std::nullopt;
  };
  return type == TensorType::tl1 ? find(tl1_table) : find(tl2_table);
}

Expected<std::vector<TileSizes>> parse_tile_sizes(std::string_view text, const std::string& file) {
  return TileParser(text, file).run();
}

std::optional<std::string> find_tile_fault(TensorType type, const TileSizes& tiles) {
  const auto not_whole = [](std::string_view what, uint64_t size, std::string_view of, uint64_t step) {
    return fmt::format("{} of {} is no multiple of {}{}", what, size, of, step);
  };
  const bool is_tl1 = type == TensorType::tl1;
  if (tiles.inner_rows != 32 && !(is_tl1 && tiles.inner_rows == 64))
    return fmt::format("bmm is {}, not {}", tiles.inner_rows, is_tl1 ? "32 or 64" : "32");
  if (tiles.rows == 0 || tiles.n % tiles.rows != 0) return not_whole("m", tiles.n, "bm = ", tiles.rows);
  if (tiles.rows % tiles.inner_rows != 0) return not_whole("bm", tiles.rows, "bmm = ", tiles.inner_rows);
  const uint64_t step = is_tl1 ? 256 / tiles.inner_rows : 24;
  if (tiles.columns == 0 || tiles.columns % step != 0) return not_whole("bk", tiles.columns, "", step);
  if (is_tl1) {
    if (tiles.k % tiles.columns != 0) return not_whole("k", tiles.k, "bk = ", tiles.columns);
    return std::nullopt;
  }
  const uint64_t rest = tiles.k % tiles.columns;
  if (rest % 32 != 0 || rest > 256)
    return fmt::format("the {} columns past whole tiles of bk = {} are no multiple of 32 up to 256", rest,
                       tiles.columns);
  return std::nullopt;
}

}  // namespace tern::runtime
