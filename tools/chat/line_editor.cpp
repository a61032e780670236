#include "tools/chat/line_editor.h"

#include <cstdlib>

#if TERN_LIBEDIT

#include <histedit.h>
#include <langinfo.h>

#include <clocale>
#include <cstdio>
#include <optional>

#include "base/utf8.h"
#include "runtime/jinja/values/unicode.h"
#include "tools/chat/terminal_keys.h"

namespace tern::tools {
namespace {

constexpr int most_history_lines = 1000;
constexpr wchar_t control_c = 0x03;

std::wstring to_wide(std::string_view text) {
  std::wstring wide;
  for (const std::string_view character : runtime::jinja::characters(text))
    wide += static_cast<wchar_t>(runtime::jinja::code_point(character));
  return wide;
}

std::string to_narrow(std::wstring_view wide) {
  std::string text;
  for (const wchar_t character : wide) text += runtime::jinja::to_utf8(static_cast<char32_t>(character));
  return text;
}

// How libedit counts columns and encodes: by the locale's characters. Nothing else of the locale is taken.
bool take_utf8_locale() {
  for (const char* name : {"C.UTF-8", "", "en_US.UTF-8"}) {
    if (setlocale(LC_CTYPE, name) != nullptr && std::string_view(nl_langinfo(CODESET)) == "UTF-8")
      return true;
  }
  setlocale(LC_CTYPE, "C");
  return false;
}

std::string common_beginning(const std::vector<std::string>& texts) {
  std::string common = texts.front();
  for (const std::string& text : texts) {
    size_t same = 0;
    while (same < common.size() && same < text.size() && common[same] == text[same]) ++same;
    common.resize(same);
  }
  common.resize(utf8_valid_prefix(common));
  return common;
}

class Libedit final : public LineEditor {
 public:
  explicit Libedit(Completions completions)
      : completions_(std::move(completions)),
        history_(history_winit()),
        editor_(el_init("tern", stdin, stdout, stderr)) {}

  ~Libedit() override {
    if (editor_ != nullptr) el_end(editor_);
    if (history_ != nullptr) history_wend(history_);
  }
  Libedit(const Libedit&) = delete;
  Libedit& operator=(const Libedit&) = delete;

  bool start() {
    if (editor_ == nullptr || history_ == nullptr) return false;
    HistEventW event;
    history_w(history_, &event, H_SETSIZE, most_history_lines);
    history_w(history_, &event, H_SETUNIQUE, 1);
    el_wset(editor_, EL_CLIENTDATA, this);
    el_wset(editor_, EL_SIGNAL, 0);
    el_wset(editor_, EL_PROMPT, prompt_of);
    el_wset(editor_, EL_EDITOR, L"emacs");
    el_wset(editor_, EL_HIST, history_w, history_);
    el_wset(editor_, EL_GETCFN, next_key);
    el_wset(editor_, EL_ADDFN, L"tern-cancel", L"Drop the line", cancel);
    el_wset(editor_, EL_ADDFN, L"tern-complete", L"Complete a command", complete);
    el_wset(editor_, EL_BIND, L"^R", L"em-inc-search-prev", nullptr);
    el_source(editor_, nullptr);
    el_wset(editor_, EL_BIND, L"^C", L"tern-cancel", nullptr);
    el_wset(editor_, EL_BIND, L"-a", L"^C", L"tern-cancel", nullptr);
    el_wset(editor_, EL_BIND, L"^I", L"tern-complete", nullptr);
    return true;
  }

  TypedLine read(std::string_view prompt) override {
    prompt_ = to_wide(prompt);
    cancelled_ = false;
    std::fflush(stdout);
    TerminalKeys keys(0);
    keys_ = &keys;
    // libedit prompts first: a Ctrl-D typed between that and the raw mode would be lost.
    el_wset(editor_, EL_PREP_TERM, 1);
    int count = 0;
    const wchar_t* line = el_wgets(editor_, &count);
    keys_ = nullptr;
    if (line == nullptr || count <= 0) return {TypedLine::Kind::end, {}};
    std::wstring_view text(line, static_cast<size_t>(count));
    while (!text.empty() && (text.back() == L'\n' || text.back() == L'\r')) text.remove_suffix(1);
    return {cancelled_ ? TypedLine::Kind::cancelled : TypedLine::Kind::text, to_narrow(text)};
  }

  void remember(const std::string& line) override {
    HistEventW event;
    history_w(history_, &event, H_ENTER, to_wide(line).c_str());
  }

 private:
  static Libedit& self(EditLine* editor) {
    void* data = nullptr;
    el_wget(editor, EL_CLIENTDATA, &data);
    return *static_cast<Libedit*>(data);
  }

  static wchar_t* prompt_of(EditLine* editor) { return self(editor).prompt_.data(); }

  // The number of keys that were read: 1, or 0 at the end of the input.
  static int next_key(EditLine* editor, wchar_t* key) {
    while (true) {
      const TerminalEvent event = self(editor).keys_->next();
      switch (event.kind) {
        case TerminalEvent::Kind::key: *key = static_cast<wchar_t>(event.character); return 1;
        case TerminalEvent::Kind::interrupt: *key = control_c; return 1;
        case TerminalEvent::Kind::end: return 0;
        case TerminalEvent::Kind::resize: el_resize(editor); break;
        case TerminalEvent::Kind::suspend:
        case TerminalEvent::Kind::terminate:
          el_wset(editor, EL_PREP_TERM, 0);
          obey_signal(event.kind == TerminalEvent::Kind::suspend ? SIGTSTP : event.signal);
          el_wset(editor, EL_PREP_TERM, 1);
          el_wset(editor, EL_REFRESH);
          break;
      }
    }
  }

  // Ends the line as Enter does, from wherever the cursor is; read() then knows that it was dropped.
  static unsigned char cancel(EditLine* editor, wint_t) {
    self(editor).cancelled_ = true;
    el_wpush(editor, L"\n");
    return CC_NORM;
  }

  static unsigned char complete(EditLine* editor, wint_t) {
    const LineInfoW* line = el_wline(editor);
    const std::string before = to_narrow({line->buffer, static_cast<size_t>(line->cursor - line->buffer)});
    const std::vector<std::string> found = self(editor).completions_(before);
    if (found.empty()) return CC_ERROR;
    const std::wstring common = to_wide(common_beginning(found));
    if (common.empty() || el_winsertstr(editor, common.c_str()) != 0) return CC_ERROR;
    return CC_REFRESH;
  }

  Completions completions_;
  HistoryW* history_;
  EditLine* editor_;
  TerminalKeys* keys_ = nullptr;
  std::wstring prompt_;
  bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<LineEditor> LineEditor::make(Completions completions,
                                             const std::vector<std::string>& history) {
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || *terminal == '\0' || std::string_view(terminal) == "dumb") return nullptr;
  if (!take_utf8_locale()) return nullptr;
  auto editor = std::make_unique<Libedit>(std::move(completions));
  if (!editor->start()) return nullptr;
  for (const std::string& line : history) editor->remember(line);
  return editor;
}

}  // namespace tern::tools

#else

namespace tern::tools {

std::unique_ptr<LineEditor> LineEditor::make(Completions, const std::vector<std::string>&) {
  return nullptr;
}

}  // namespace tern::tools

#endif
