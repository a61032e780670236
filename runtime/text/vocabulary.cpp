#include "runtime/text/vocabulary.h"

#include <algorithm>
#include <cmath>

#include "runtime/text/token_types.h"

namespace tern::runtime {
namespace {

bool is_known(TokenType type) {
  switch (type) {
    case TokenType::normal:
    case TokenType::unknown:
    case TokenType::control:
    case TokenType::user_defined:
    case TokenType::unused:
    case TokenType::byte: return true;
  }
  return false;  // a number from a file
}

Error count_error(const std::string& what, size_t count, size_t tokens) {
  return Error{"the vocabulary has " + std::to_string(tokens) + " tokens but " + std::to_string(count) + " " +
               what};
}

Status check_types(const Vocabulary& vocabulary) {
  const auto& types = vocabulary.types;
  if (!types.empty() && types.size() != vocabulary.tokens.size()) {
    return count_error("token types", types.size(), vocabulary.tokens.size());
  }
  for (size_t id = 0; id < types.size(); ++id) {
    if (!is_known(types[id])) {
      return Error{"token " + std::to_string(id) + " has the unknown type " +
                   std::to_string(static_cast<int32_t>(types[id]))};
    }
    if (vocabulary.model == "llama" && types[id] == TokenType::byte &&
        !byte_of_token_text(vocabulary.tokens[id])) {
      return Error{"token " + std::to_string(id) + " is a byte token, but its text '" +
                   vocabulary.tokens[id] + "' is not of the form <0xNN>"};
    }
  }
  return {};
}

Status check_scores(const Vocabulary& vocabulary) {
  const auto& scores = vocabulary.scores;
  const bool may_lack = vocabulary.model != "llama";
  if (scores.size() != vocabulary.tokens.size() && !(may_lack && scores.empty())) {
    return count_error("scores", scores.size(), vocabulary.tokens.size());
  }
  const auto nan = std::find_if(scores.begin(), scores.end(), [](float score) { return std::isnan(score); });
  if (nan != scores.end()) {
    return Error{"the score of token " + std::to_string(nan - scores.begin()) + " is not a number"};
  }
  return {};
}

Status check_ids(const Vocabulary& vocabulary) {
  const struct {
    const char* name;
    std::optional<uint32_t> id;
  } roles[] = {
      {"beginning of text", vocabulary.beginning_of_text},
      {"end of text", vocabulary.end_of_text},
      {"end of turn", vocabulary.end_of_turn},
      {"end of message", vocabulary.end_of_message},
      {"unknown", vocabulary.unknown},
      {"padding", vocabulary.padding},
  };
  for (const auto& role : roles) {
    if (role.id && *role.id >= vocabulary.tokens.size()) {
      return Error{"the id of the token for " + std::string(role.name) + " is " + std::to_string(*role.id) +
                   ", but there are " + std::to_string(vocabulary.tokens.size()) + " tokens"};
    }
  }
  return {};
}

Status check_merges(const Vocabulary& vocabulary) {
  for (size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const std::string& merge = vocabulary.merges[rank];
    const size_t space = merge.find(' ');
    if (space == std::string::npos || space == 0 || space + 1 == merge.size() || space != merge.rfind(' ')) {
      return Error{"merge " + std::to_string(rank) + " ('" + merge +
                   "') is not two texts with one space between"};
    }
  }
  return {};
}

}  // namespace

Status check(const Vocabulary& vocabulary) {
  if (vocabulary.tokens.empty()) return Error{"the vocabulary has no tokens"};
  if (vocabulary.tokens.size() >= UINT32_MAX) return Error{"the vocabulary has too many tokens"};
  for (const auto part : {check_types, check_scores, check_ids, check_merges}) {
    TERN_TRY(part(vocabulary));
  }
  return {};
}

}  // namespace tern::runtime
