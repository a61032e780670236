#include "runtime/chat/builtin_templates.h"

namespace tern::runtime {
namespace {

// <|im_start|>ROLE\nTEXT<|im_end|>\n (Qwen, Falcon-E). Thoughts of earlier turns are left out.
constexpr std::string_view chatml = R"({%- for message in messages %}
  {%- set text = message.content | default('', true) %}
  {%- if message.role == 'assistant' and '</think>' in text %}
    {%- set text = text.split('</think>')[-1].lstrip('\n') %}
  {%- endif %}
  {{- '<|im_start|>' + message.role + '\n' + text + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<|im_start|>assistant\n' }}
  {%- if enable_thinking is defined and enable_thinking is false %}
    {{- '<think>\n\n</think>\n\n' }}
  {%- endif %}
{%- endif %})";

// LLaMA-3 Instruct's headers (Llama3-8B-1.58).
constexpr std::string_view llama3 = R"({{- bos_token | default('<|begin_of_text|>', true) }}
{%- for message in messages %}
  {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %})";

// Falcon3: the role in a line of its own.
constexpr std::string_view falcon3 = R"({%- for message in messages %}
  {{- '<|' + message.role + '|>\n' + message.content + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<|assistant|>\n' }}
{%- endif %})";

// BitNet b1.58 2B4T: "Role: text<|eot_id|>" (microsoft/BitNet, gpu/tokenizer.py).
constexpr std::string_view bitnet_2b4t = R"({{- bos_token | default('<|begin_of_text|>', true) }}
{%- for message in messages %}
  {{- message.role | capitalize + ': ' + message.content | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- 'Assistant: ' }}
{%- endif %})";

// LLaMA-2 Chat: the system text inside the first [INST].
constexpr std::string_view llama2 = R"({%- set start = namespace(text='') %}
{%- for message in messages %}
  {%- if message.role == 'system' %}
    {%- if not loop.first %}{{ raise_exception('only the first message may be of role system') }}{% endif %}
    {%- set start.text = '<<SYS>>\n' + message.content | trim + '\n<</SYS>>\n\n' %}
  {%- elif message.role == 'user' %}
    {{- bos_token | default('<s>', true) + '[INST] ' + start.text + message.content | trim + ' [/INST]' }}
    {%- set start.text = '' %}
  {%- elif message.role == 'assistant' %}
    {{- ' ' + message.content | trim + ' ' + eos_token | default('</s>', true) }}
  {%- else %}
    {{- raise_exception("there is no role '" + message.role + "' in this template") }}
  {%- endif %}
{%- endfor %})";

// Gemma's turns: no system role, whose text precedes the first question.
constexpr std::string_view gemma = R"({{- bos_token | default('<bos>', true) }}
{%- set start = namespace(text='') %}
{%- for message in messages %}
  {%- if message.role == 'system' %}
    {%- set start.text = start.text + message.content | trim + '\n\n' %}
  {%- else %}
    {%- set role = 'model' if message.role == 'assistant' else message.role %}
    {{- '<start_of_turn>' + role + '\n' }}
    {%- if role == 'user' %}
      {{- start.text }}
      {%- set start.text = '' %}
    {%- endif %}
    {{- message.content | trim + '<end_of_turn>\n' }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<start_of_turn>model\n' }}
{%- endif %})";

// Hunyuan dense (Hy-MT).
constexpr std::string_view hunyuan = R"({{- bos_token | default('<｜hy_begin▁of▁sentence｜>', true) }}
{%- for message in messages %}
  {%- if message.role == 'system' %}
    {{- message.content + '<｜hy_place▁holder▁no▁3｜>' }}
  {%- elif message.role == 'user' %}
    {{- '<｜hy_User｜>' + message.content }}
  {%- else %}
    {{- '<｜hy_Assistant｜>' + message.content + '<｜hy_place▁holder▁no▁2｜>' }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<｜hy_Assistant｜>' }}
{%- endif %})";

}  // namespace

std::span<const BuiltinTemplate> builtin_templates() {
  static constexpr BuiltinTemplate table[] = {
      {"chatml", "Qwen3, Bonsai, Maple, Falcon-E", chatml},
      {"llama3", "Llama3-8B-1.58", llama3},
      {"falcon3", "Falcon3", falcon3},
      {"bitnet-2b4t", "BitNet b1.58 2B4T", bitnet_2b4t},
      {"llama2", "Llama 2 Chat", llama2},
      {"gemma", "Gemma", gemma},
      {"hunyuan", "Hy-MT", hunyuan},
  };
  return table;
}

const BuiltinTemplate* find_builtin_template(std::string_view name) {
  for (const BuiltinTemplate& entry : builtin_templates()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace tern::runtime
