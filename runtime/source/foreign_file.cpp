#include "runtime/source/foreign_file.h"

#include <algorithm>
#include <string_view>

namespace tern::runtime {
namespace {

using namespace std::string_view_literals;

struct ForeignFile {
  std::string_view beginning;  // in small letters, as the bytes are compared
  std::string_view fault;
};

constexpr std::string_view web_page =
    "is a web page, not a model: the download was answered by a page, perhaps one that asks for a login";
constexpr std::string_view pickle =
    "holds tensors pickled by PyTorch, which only running the code inside could read; what can be read is "
    "safetensors or GGUF";

constexpr ForeignFile foreign_files[] = {
    {"version https://git-lfs"sv,
     "is a pointer of Git LFS that stands for the real file: fetch that with `git lfs pull`, or download it"},
    {"<!doctype"sv, web_page},
    {"<html"sv, web_page},
    {"pk\x03\x04"sv,
     "is a zip archive; if it is PyTorch's (.bin, .pt, .pth), only running the code inside could read it; "
     "what can be read is safetensors or GGUF"},
    {"\x80\x02"sv, pickle},
    {"\x80\x03"sv, pickle},
    {"\x80\x04"sv, pickle},
    {"\x1f\x8b"sv, "is compressed by gzip: unpack it first"},
    {"\x28\xb5\x2f\xfd"sv, "is compressed by zstd: unpack it first"},
    {"\xfd\x37zxz"sv, "is compressed by xz: unpack it first"},
    {"ggjt"sv, "is of GGML's format before GGUF, which no program writes since 2023"},
    {"tjgg"sv, "is of GGML's format before GGUF, which no program writes since 2023"},
    {"lmgg"sv, "is of GGML's format before GGUF, which no program writes since 2023"},
    {"fmgg"sv, "is of GGML's format before GGUF, which no program writes since 2023"},
    {"\x89hdf"sv, "is an HDF5 file; what can be read is safetensors or GGUF"},
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::optional<std::string> foreign_file_fault(std::span<const std::byte> bytes) {
  constexpr size_t examined = 256;
  std::string text;
  for (const std::byte byte : bytes.first(std::min(bytes.size(), examined))) {
    text.push_back(lower(static_cast<char>(byte)));
  }
  // White space may come before a web page.
  const std::string_view whole = text,
                         trimmed = whole.substr(std::min(whole.find_first_not_of(" \t\r\n"), whole.size()));
  for (const ForeignFile& row : foreign_files) {
    if (whole.starts_with(row.beginning) || (row.fault == web_page && trimmed.starts_with(row.beginning)))
      return std::string(row.fault);
  }
  return std::nullopt;
}

}  // namespace tern::runtime
