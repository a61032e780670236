// The parts of a database's text: documents that end where they say, each with a checksum over what it holds
// and whose it is.
//
//   --- # kernel of 1a2b3c4d, checksum 0123456789abcdef
//   target: host
//   ...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"

namespace tern::autotune {

struct Document {
  std::string_view kind;     // "kernel"
  std::string_view machine;  // the eight digits of whose it is
  std::string_view body;     // YAML, whole lines
  int line = 0;              // of the body's first, counted from 1
};

std::string print(const Document& document);

// A stretch of the text: from a line that begins a document up to the one that ends it, or what lies between
// documents and is more than comments and empty lines.
struct Stretch {
  std::string_view text;
  int line = 0;  // its first, counted from 1

  // Whether it begins as a document of this kind; it may be damaged all the same.
  bool begins_as(std::string_view kind) const;
};
std::vector<Stretch> split(std::string_view text);

// The document that a stretch is. Fails if the stretch is none, or has been changed since it was written.
Expected<Document> read_document(const Stretch& stretch, const std::string& file);

}  // namespace tern::autotune
