#include "runtime/source/model_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/thread_pool.h"

namespace tern::runtime {
namespace {

// All tensors; the error of the first that fails.
Expected<std::vector<TensorBytes>> read_tensors(const std::vector<SourceTensor>& tensors) {
  std::vector<TensorBytes> all(tensors.size());
  std::vector<Status> faults(tensors.size());
  std::atomic<size_t> next = 0;
  const auto work = [&](size_t) {
    for (size_t i = next++; i < tensors.size(); i = next++) {
      auto bytes = tensors[i].read();
      if (bytes)
        all[i] = bytes.take();
      else
        faults[i] = bytes.error();
    }
  };
  constexpr unsigned most_threads = 16;
  auto pool = ThreadPool::make(std::clamp(std::thread::hardware_concurrency(), 1u, most_threads));
  if (pool) {
    (*pool)->run(work);
  } else {
    work(0);
  }
  for (const Status& fault : faults) TERN_TRY(fault);
  return all;
}

// The names, one after the other, in memory that a mapping owns.
FileMapping keep_names(const ModelSource& source) {
  std::vector<std::byte> bytes;
  for (const SourceTensor& tensor : source.tensors) {
    const auto name = std::as_bytes(std::span(tensor.name));
    bytes.insert(bytes.end(), name.begin(), name.end());
  }
  return FileMapping(source.path, std::move(bytes));
}

}  // namespace

ModelSource source_of(const GgufFile& file) {
  ModelSource source{.path = file.path(), .metadata = {}, .tensors = {}, .files = file.parts};
  source.files.push_back(file.file);
  for (const Metadatum& datum : file.metadata) source.metadata.emplace_back(datum.key, datum.value);
  for (const GgufTensor& tensor : file.tensors) {
    source.tensors.push_back({std::string(tensor.name),
                              tensor.type,
                              {tensor.dims.begin(), tensor.dims.begin() + tensor.rank},
                              [data = tensor.data]() -> Expected<TensorBytes> { return TensorBytes(data); }});
  }
  return source;
}

Expected<GgufFile> read_source(const ModelSource& source) {
  TERN_ASSIGN(auto header, gguf_header_bytes(source.path, {source.metadata, {}}));
  TERN_ASSIGN(GgufFile file, parse_gguf(FileMapping(source.path, std::move(header))));
  TERN_ASSIGN(auto data, read_tensors(source.tensors));
  file.parts = source.files;
  file.parts.push_back(keep_names(source));
  const auto* names = reinterpret_cast<const char*>(file.parts.back().bytes().data());
  for (size_t i = 0; i < data.size(); ++i) {
    const SourceTensor& from = source.tensors[i];
    GgufTensor tensor{.name = {names, from.name.size()},
                      .type = from.type,
                      .rank = static_cast<uint32_t>(from.dims.size()),
                      .dims = {1, 1, 1, 1},
                      .offset = 0,
                      .data = data[i].bytes};
    names += from.name.size();
    std::copy(from.dims.begin(), from.dims.end(), tensor.dims.begin());
    if (!file.tensor_index.emplace(tensor.name, i).second)
      return Error{fmt::format("tensor {} occurs twice", quote(tensor.name)), {source.path}};
    if (!data[i].made.empty()) {
      file.parts.emplace_back(source.path, std::move(data[i].made));
      tensor.data = file.parts.back().bytes();
    }
    file.tensors.push_back(tensor);
  }
  return file;
}

}  // namespace tern::runtime
