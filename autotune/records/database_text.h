// Internal to autotune/: what the documents of a database say, as YAML.
#pragma once

#include "autotune/records/database.h"
#include "autotune/records/documents.h"

namespace tern::autotune {

// A text as YAML takes it: plain where that is safe, also between braces, else in quotes.
std::string scalar(std::string_view text);

// The bodies of documents.
std::string print_body(const Provenance& provenance);
std::string print_body(const Record& record);
std::string print_body(const Choice& choice);
std::string print_body(const ThreadChoice& threads);

// Read back. What is not of the form, or means nothing (a kernel that ir::verify refuses, a choice whose
// kernels have different layouts), is an error with its line.
Expected<Provenance> read_provenance(const Document& document, const std::string& file);
Expected<Record> read_record(const Document& document, const std::string& file);
Expected<Choice> read_choice(const Document& document, const std::string& file);
Expected<ThreadChoice> read_thread_choice(const Document& document, const std::string& file);

}  // namespace tern::autotune
