// Python's "%" between a string and values.
#pragma once

#include <string_view>

#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

// "%s is %5.2f" % values: a tuple's items one after the other, a dict's by "%(name)s", anything else as the
// only value. Directives: % s r d i u x X o e E f F g G c, with flags, width and precision, as Python's
// printf-style formatting of strings has them. Errors: a directive that is unknown or does not end, values
// that are too few, too many or of the wrong kind.
Result format_text(std::string_view format, const Value& values, Budget& budget);

}  // namespace tern::runtime::jinja
