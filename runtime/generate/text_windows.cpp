#include "runtime/generate/text_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tern::runtime {
namespace {

constexpr std::array<std::pair<std::string_view, WindowMethod>, 4> methods = {{
    {"runs", WindowMethod::runs},
    {"halves", WindowMethod::halves},
    {"strided", WindowMethod::strided},
    {"sliding", WindowMethod::sliding},
}};

// Why the numbers cannot be; the stride is not 0.
Status check(const WindowOptions& options, size_t stride) {
  const size_t context = options.context;
  const size_t least = options.method == WindowMethod::halves ? 3 : 2;
  if (context < least) return Error{fmt::format("a context of at least {} tokens is needed", least), {}};
  const bool overlaps = options.method == WindowMethod::strided || options.method == WindowMethod::sliding;
  const size_t most = options.method == WindowMethod::strided ? context - 1 : context;
  if (overlaps && stride > most)
    return Error{
        fmt::format("a stride of {} is too long for a context of {}: {} at most", stride, context, most), {}};
  return {};
}

}  // namespace

std::optional<WindowMethod> find_window_method(std::string_view name) {
  for (const auto& [known, method] : methods) {
    if (known == name) return method;
  }
  return std::nullopt;
}

Expected<std::vector<TextWindow>> plan_windows(size_t tokens, const WindowOptions& options,
                                               bool beginning_is_added) {
  const size_t context = options.context;
  const size_t stride = options.stride == 0 ? std::max<size_t>(context / 2, 1) : options.stride;
  TERN_TRY(check(options, stride));
  std::vector<TextWindow> windows;
  switch (options.method) {
    case WindowMethod::runs:
      for (size_t begin = 0; begin < tokens; begin += context - 1) {
        const TextWindow window{begin, std::min(begin + context - 1, tokens),
                                beginning_is_added ? begin : begin + 1};
        if (window.first_scored < window.end) windows.push_back(window);
      }
      break;
    case WindowMethod::halves:
      for (size_t begin = 0; begin + context <= tokens; begin += context)
        windows.push_back({begin, begin + context, begin + context / 2 + 1});
      break;
    case WindowMethod::strided:
      for (size_t begin = 0; begin + context < tokens; begin += stride)
        windows.push_back({begin, begin + context, begin + context - stride});
      break;
    case WindowMethod::sliding:
      for (size_t begin = 0, seen = 0; seen < tokens; begin += stride) {
        const size_t end = std::min(begin + context, tokens);
        const TextWindow window{begin, end, std::max(seen, begin + 1)};
        if (window.first_scored < end) windows.push_back(window);
        seen = end;
      }
      break;
  }
  if (windows.empty())
    return Error{fmt::format("the text has {} token{}, too few to score one in windows of {}", tokens,
                             tokens == 1 ? "" : "s", context),
                 {}};
  if (options.max_windows != 0 && windows.size() > options.max_windows) windows.resize(options.max_windows);
  return windows;
}

Expected<CutText> cut_text(const Tokenizer& tokenizer, std::string_view text, const WindowOptions& options) {
  CutText cut;
  cut.tokens = tokenizer.encode(text, false);
  cut.text_tokens = cut.tokens.size();
  switch (options.method) {
    case WindowMethod::runs: cut.beginning = tokenizer.beginning_of_text(); break;
    case WindowMethod::halves:
    case WindowMethod::strided:
      cut.tokens = tokenizer.encode_from_beginning(text, false);
      cut.replaces_first = true;
      if (tokenizer.adds_beginning_of_text()) cut.beginning = tokenizer.beginning_of_text();
      break;
    case WindowMethod::sliding: cut.tokens = tokenizer.encode_from_beginning(text, false); break;
  }
  TERN_ASSIGN(cut.windows, plan_windows(cut.tokens.size(), options, cut.beginning.has_value()));
  return cut;
}

WindowTokens window_tokens(const CutText& text, size_t window) {
  const TextWindow& cut = text.windows[window];
  WindowTokens result;
  size_t from = cut.begin;
  if (text.beginning) {
    result.tokens.push_back(*text.beginning);
    if (text.replaces_first) ++from;
  }
  result.first_scored = cut.first_scored - from + result.tokens.size();
  result.tokens.insert(result.tokens.end(), text.tokens.begin() + static_cast<ptrdiff_t>(from),
                       text.tokens.begin() + static_cast<ptrdiff_t>(cut.end));
  return result;
}

}  // namespace tern::runtime
