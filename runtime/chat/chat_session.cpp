#include "runtime/chat/chat_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/generate/stop_strings.h"
#include "runtime/text/stream_decoder.h"

namespace tern::runtime {

Expected<ChatSession> ChatSession::make(Engine& engine, ChatTemplate chat, size_t context) {
  TERN_ASSIGN(Sequence sequence, engine.make_sequence(context));
  return ChatSession(engine, std::move(chat), std::move(sequence));
}

Expected<Answer> ChatSession::answer(const Conversation& conversation, const ChatOptions& chat,
                                     const GenerateOptions& options, const OnPart& on_part) {
  const Tokenizer& tokenizer = engine_->tokenizer();
  TERN_ASSIGN(const RenderedChat rendered,
              render_chat(chat_, conversation, engine_->model().vocabulary, tokenizer, chat));
  const std::vector<uint32_t> prompt = chat_tokens(rendered, tokenizer);
  if (prompt.size() >= sequence_.capacity())
    return Error{
        fmt::format("the context is full: the conversation has {} tokens, and {} is the most (-c sets it)",
                    prompt.size(), sequence_.capacity())};
  const std::span<const uint32_t> known = sequence_.tokens();
  size_t shared = 0;
  // The last token is always computed, because its logits are needed.
  while (shared + 1 < prompt.size() && shared < known.size() && known[shared] == prompt[shared]) ++shared;
  sequence_.truncate(shared);
  shared = sequence_.length();

  Answer answer;
  answer.reused_tokens = shared;
  answer.message.role = "assistant";
  ThinkingSplitter splitter(opens_thought(rendered.text));
  StreamDecoder decoder;
  StopStrings stops(chat.stop_strings);
  bool wanted = true;
  const auto take = [&](const std::vector<ThoughtPart>& parts) {
    for (const ThoughtPart& part : parts) {
      (part.thought ? answer.message.reasoning : answer.message.content) += part.text;
      if (on_part && wanted) wanted = on_part(part);
    }
  };
  const auto on_token = [&](uint32_t token) {
    take(splitter.push(stops.push(decoder.push(tokenizer.decode(token)))));
    if (stops.stopped()) return false;
    // A caller that has nothing to show is asked too, so that an answer can be stopped inside a tag.
    if (on_part && wanted) wanted = on_part({splitter.inside(), ""});
    return wanted;
  };
  GenerateOptions own = options;
  own.keep_checkpoint = true;  // thoughts of earlier answers are dropped from the next prompt
  TERN_ASSIGN(answer.generation,
              generate(*engine_, sequence_, std::span(prompt).subspan(shared), own, on_token));
  if (stops.stopped()) {
    answer.generation.reason = StopReason::stop_string;
  } else {
    std::string rest = stops.push(decoder.flush());
    rest += stops.flush();
    take(splitter.push(rest));
    if (stops.stopped()) answer.generation.reason = StopReason::stop_string;
  }
  take(splitter.flush());
  return answer;
}

}  // namespace tern::runtime
