// JSON that is sent.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tern::serve {

// In one line; U+FFFD for bytes that are no UTF-8.
std::string json_text(const nlohmann::json& value);

// One server-sent event: "data: ...\n\n", with a line "event: NAME" before it unless `name` is empty.
std::string sent_event(const nlohmann::json& value, const std::string& name = {});

}  // namespace tern::serve
