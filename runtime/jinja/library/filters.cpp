#include "runtime/jinja/library/filters.h"

#include "runtime/jinja/library/filter_functions.h"

namespace tern::runtime::jinja {

std::span<const FilterEntry> filters() {
  static const FilterEntry table[] = {
      {{"abs", {}, 0}, filter_abs},
      {{"capitalize", {}, 0}, filter_capitalize},
      {{"count", {}, 0}, filter_length},
      {{"d", {"default_value", "boolean"}, 0}, filter_default},
      {{"default", {"default_value", "boolean"}, 0}, filter_default},
      {{"dictsort", {"case_sensitive", "by", "reverse"}, 0}, filter_dictsort},
      {{"first", {}, 0}, filter_first},
      {{"float", {"default"}, 0}, filter_float},
      {{"indent", {"width", "first", "blank"}, 0}, filter_indent},
      {{"int", {"default"}, 0}, filter_int},
      {{"items", {}, 0}, filter_items},
      {{"join", {"d", "attribute"}, 0}, filter_join},
      {{"last", {}, 0}, filter_last},
      {{"length", {}, 0}, filter_length},
      {{"list", {}, 0}, filter_list},
      {{"lower", {}, 0}, filter_lower},
      {{"max", {"case_sensitive", "attribute"}, 0}, filter_max},
      {{"min", {"case_sensitive", "attribute"}, 0}, filter_min},
      {{"replace", {"old", "new", "count"}, 2}, filter_replace},
      {{"reverse", {}, 0}, filter_reverse},
      {{"round", {"precision", "method"}, 0}, filter_round},
      {{"safe", {}, 0}, filter_safe},
      {{"sort", {"reverse", "case_sensitive", "attribute"}, 0}, filter_sort},
      {{"string", {}, 0}, filter_string},
      {{"sum", {"attribute", "start"}, 0}, filter_sum},
      {{"title", {}, 0}, filter_title},
      {{"tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, 0}, filter_tojson},
      {{"trim", {"chars"}, 0}, filter_trim},
      {{"unique", {"case_sensitive", "attribute"}, 0}, filter_unique},
      {{"upper", {}, 0}, filter_upper},
      {{"wordcount", {}, 0}, filter_wordcount},
  };
  return table;
}

const FilterEntry* find_filter(std::string_view name) {
  for (const FilterEntry& entry : filters()) {
    if (entry.signature.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace tern::runtime::jinja
