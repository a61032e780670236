// The body of /v1/completions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <variant>

#include "serve/api/answer_request.h"

namespace tern::serve {

// Reads a request. A prompt is a text, in which control tokens are text like any other, or token ids, or a
// list of either. Unknown and unsupported parameters are refused.
std::variant<AnswerRequest, ApiError> read_completion_request(const nlohmann::json& body,
                                                              const Service& service,
                                                              const std::string& client);

// The texts or token ids of a field as tokens, `most` of them at most. A text becomes tokens by `encode`.
std::vector<std::vector<uint32_t>> read_texts(
    Fields& fields, std::string_view name, size_t most, const Service& service,
    const std::function<std::vector<uint32_t>(const std::string&)>& encode);

}  // namespace tern::serve
