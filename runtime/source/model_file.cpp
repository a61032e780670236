#include "runtime/source/model_file.h"

#include <filesystem>
#include <utility>

#include "runtime/source/foreign_file.h"
#include "runtime/source/hf_folder.h"
#include "runtime/source/split_gguf.h"

namespace tern::runtime {
namespace {

Expected<GgufFile> open_gguf(const std::string& path) {
  std::error_code problem;
  if (std::filesystem::is_directory(path, problem))
    return Error{
        "is a folder without a config.json, so no Hugging Face model; a GGUF file in it can be named",
        {path}};
  TERN_ASSIGN(FileMapping mapping, map_file(path));
  if (const auto foreign = foreign_file_fault(mapping.bytes())) return Error{*foreign, {path}};
  if (path.ends_with(".safetensors"))
    return Error{"is a safetensors file without a config.json beside it, which says what model it is",
                 {path}};
  TERN_ASSIGN(GgufFile file, parse_gguf(std::move(mapping)));
  if (is_split_part(file)) return join_split_gguf(std::move(file));
  return file;
}

}  // namespace

Expected<GgufFile> open_model_file(const std::string& path) {
  if (!is_hf_model(path)) return open_gguf(path);
  TERN_ASSIGN(const ModelSource source, open_hf_model(path));
  return read_source(source);
}

Expected<ModelSource> open_model_source(const std::string& path) {
  if (is_hf_model(path)) return open_hf_model(path);
  TERN_ASSIGN(const GgufFile file, open_gguf(path));
  return source_of(file);
}

}  // namespace tern::runtime
