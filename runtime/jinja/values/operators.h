// Operators on values, with Python's meaning.
#pragma once

#include <string_view>

#include "runtime/jinja/parse/syntax.h"
#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

// Arithmetic and concatenation. Integers have 64 bits; beyond them is an error, as are kinds that do not fit.
Result binary(BinaryOperator op, const Value& left, const Value& right, Budget& budget);
Result negative(const Value& value);

// Errors: kinds that have no order, something in what holds nothing.
Expected<bool> compare(Comparison comparison, const Value& left, const Value& right, Budget& budget);
// Python's ==: numbers and booleans by value, containers by their items.
bool equal(const Value& left, const Value& right, Budget& budget);
// Below, at or above 0 as left is less than, equal to or greater than right. Texts compare by code points;
// with `fold_case`, in lower case.
Expected<int> order(const Value& left, const Value& right, Budget& budget, bool fold_case = false);

// object.name, as Jinja2 has it: undefined if the object has no such attribute. Errors: an undefined object,
// a name that begins with "_", a method of a dict that is not called.
Result attribute_of(const Value& object, std::string_view name);
// object[key]: undefined if there is no such item. Error: an undefined object.
Result item_of(const Value& object, const Value& key, Budget& budget);
// The item at a path such as "function.name" or "0.text".
Result item_at_path(const Value& object, std::string_view path, Budget& budget);
// object[start:stop:step]; null for a part that is not given. Errors: no text or list, parts that are no
// integers, a step of 0.
Result slice_of(const Value& object, const Value* start, const Value* stop, const Value* step,
                Budget& budget);

// The items of a list, the keys of a dict or the characters of a string; nothing of what is undefined. Error:
// other kinds.
Expected<std::shared_ptr<const List>> items_of(const Value& value, Budget& budget);

}  // namespace tern::runtime::jinja
