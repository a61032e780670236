// The model in the box with some of its keys changed, as a file.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "runtime/gguf/gguf.h"
#include "runtime/gguf/gguf_write.h"

namespace tern::runtime {

// Writes models/tern-small.gguf to `path`, its keys replaced by `changes`, or these added.
inline void write_changed_model(const std::string& path,
                                const std::vector<std::pair<std::string, GgufValue>>& changes) {
  auto mapping = map_file(TERN_SOURCE_DIR "/models/tern-small.gguf");
  ASSERT_TRUE(mapping) << mapping.error().text();
  const auto file = parse_gguf(mapping.take());
  ASSERT_TRUE(file) << file.error().text();
  GgufHeader header;
  for (const auto& [key, value] : file->metadata) {
    const auto same = [&key = key](const auto& change) { return change.first == key; };
    if (std::none_of(changes.begin(), changes.end(), same)) header.metadata.emplace_back(key, value);
  }
  header.metadata.insert(header.metadata.end(), changes.begin(), changes.end());
  for (const GgufTensor& tensor : file->tensors)
    header.tensors.push_back(
        {std::string(tensor.name), tensor.type, {tensor.dims.begin(), tensor.dims.begin() + tensor.rank}});
  const Status written =
      write_gguf(path, header, [&](size_t i, const ByteSink& sink) { return sink(file->tensors[i].data); });
  ASSERT_TRUE(written) << written.error().text();
}

}  // namespace tern::runtime
