// The form that an answer must have.
#pragma once

#include "serve/api/fields.h"
#include "serve/api/service.h"

namespace tern::serve {

// The grammar that `response_format` asks for: {"type": "text"} (none), {"type": "json_object"}, or
// {"type": "json_schema", "json_schema": {"name", "schema", "strict", "description"}}. What a grammar cannot
// enforce is an error: see runtime/grammar/json_schema.h.
std::shared_ptr<runtime::TokenGrammar> read_response_format(Fields& fields, std::optional<ApiError>& error,
                                                            const Service& service);

}  // namespace tern::serve
