// What each filter of the table in filters.cpp does; the table has their parameters.
#pragma once

#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

// text_filters.cpp
Result filter_capitalize(const Value& subject, Arguments arguments, const Context& context);
Result filter_indent(const Value& subject, Arguments arguments, const Context& context);
Result filter_join(const Value& subject, Arguments arguments, const Context& context);
Result filter_lower(const Value& subject, Arguments arguments, const Context& context);
Result filter_replace(const Value& subject, Arguments arguments, const Context& context);
Result filter_safe(const Value& subject, Arguments arguments, const Context& context);
Result filter_string(const Value& subject, Arguments arguments, const Context& context);
Result filter_title(const Value& subject, Arguments arguments, const Context& context);
Result filter_tojson(const Value& subject, Arguments arguments, const Context& context);
Result filter_trim(const Value& subject, Arguments arguments, const Context& context);
Result filter_upper(const Value& subject, Arguments arguments, const Context& context);
Result filter_wordcount(const Value& subject, Arguments arguments, const Context& context);

// number_filters.cpp
Result filter_abs(const Value& subject, Arguments arguments, const Context& context);
Result filter_default(const Value& subject, Arguments arguments, const Context& context);
Result filter_float(const Value& subject, Arguments arguments, const Context& context);
Result filter_int(const Value& subject, Arguments arguments, const Context& context);
Result filter_round(const Value& subject, Arguments arguments, const Context& context);

// list_filters.cpp
Result filter_dictsort(const Value& subject, Arguments arguments, const Context& context);
Result filter_first(const Value& subject, Arguments arguments, const Context& context);
Result filter_items(const Value& subject, Arguments arguments, const Context& context);
Result filter_last(const Value& subject, Arguments arguments, const Context& context);
Result filter_length(const Value& subject, Arguments arguments, const Context& context);
Result filter_list(const Value& subject, Arguments arguments, const Context& context);
Result filter_max(const Value& subject, Arguments arguments, const Context& context);
Result filter_min(const Value& subject, Arguments arguments, const Context& context);
Result filter_reverse(const Value& subject, Arguments arguments, const Context& context);
Result filter_sort(const Value& subject, Arguments arguments, const Context& context);
Result filter_sum(const Value& subject, Arguments arguments, const Context& context);
Result filter_unique(const Value& subject, Arguments arguments, const Context& context);

}  // namespace tern::runtime::jinja
