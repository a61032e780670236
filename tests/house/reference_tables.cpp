#include "reference_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/kernel/packing.h"
#include "ir/program/buffer.h"
#include "ir/program/op.h"
#include "ir/type.h"
#include "runtime/graph/operation.h"
#include "runtime/graph/weight_role.h"
#include "source_text.h"

namespace tern::house {
namespace {

namespace fs = std::filesystem;

std::string code(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("`{}`", text);
}

// A cell of a table: a bar would end it, and outside of backticks Markdown would take stars and underscores
// for its own.
std::string escaped(std::string_view text) {
  std::string safe;
  bool in_code = false;
  for (const char c : text) {
    if (c == '`') in_code = !in_code;
    if (c == '|' || (!in_code && std::string_view("*_<~").find(c) != std::string_view::npos)) safe += '\\';
    safe += c;
  }
  return safe;
}

class Table {
 public:
  explicit Table(std::initializer_list<std::string_view> heads) {
    add(std::vector<std::string>(heads.begin(), heads.end()));
    text_ += "|";
    for (size_t i = 0; i < heads.size(); ++i) text_ += "---|";
    text_ += "\n";
  }
  void add(const std::vector<std::string>& cells) {
    text_ += "|";
    for (const std::string& cell : cells) text_ += cell.empty() ? " |" : fmt::format(" {} |", cell);
    text_ += "\n";
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Names of the elements of a set of bits.
template <class Row>
std::string names_in(uint32_t set, const Row& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (set >> i & 1) text += fmt::format("{}{}", text.empty() ? "" : ", ", names[i]);
  }
  return text;
}

// ---- the kernel IR ----

std::string elements() {
  Table table({"element", "values", "bytes stored"});
  for (int i = 0; i <= static_cast<int>(ir::Element::f32); ++i) {
    const auto element = static_cast<ir::Element>(i);
    const int bytes = ir::size_in_bytes(element);
    table.add({code(name(element)),
               ir::is_float(element) ? "floating point"
                                     : fmt::format("{} to {}", lowest(element), highest(element)),
               bytes == 0 ? "as its packing says" : fmt::format("{}", bytes)});
  }
  return table.text();
}

std::string held_by(const ir::Holds& holds) {
  std::string text;
  const auto add = [&](bool held, std::string_view what) {
    if (held) text += fmt::format("{}{}", text.empty() ? "" : ", ", what);
  };
  add(holds.trits, "trits");
  add(holds.signs, "signs");
  add(holds.i2, "i2");
  add(holds.dense, "dense");
  return text;
}

std::string packings() {
  Table table({"packing", "weights in bytes", "bits a weight", "a code is", "holds", ""});
  for (const auto& row : ir::packings) {
    const int bits = row.code_bits + row.high_bits;
    table.add({code(row.name), fmt::format("{} in {}", row.weights_per_group, row.bytes_per_group),
               fmt::format("{:.4g}", ir::bits_per_weight(row.packing)),
               row.code_bits == 0 ? "" : fmt::format("{} of {} bits", row.weights_per_code, bits),
               held_by(row.holds), escaped(row.meaning)});
  }
  return table.text();
}

std::string operations() {
  Table table({"operation", "reads", "what it does"});
  for (const auto& row : ir::ops) {
    static constexpr std::string_view operands[] = {"", "x", "x, y", "x, y, z"};
    std::string reads(operands[row.operands]);
    if (row.has_immediate) reads += fmt::format("{}c", reads.empty() ? "" : ", ");
    table.add({code(row.name), reads, escaped(row.meaning)});
  }
  return table.text();
}

std::string buffers(const fs::path& root) {
  const std::vector<Commented> roles = enumerators(read_text(root / "ir/program/buffer.h"), "BufferRole");
  Table table({"buffer", "role", "what it holds"});
  for (const auto& row : ir::buffer_roles) {
    if (row.role == ir::BufferRole::none) continue;
    table.add({code(row.name), code(roles.at(static_cast<size_t>(row.role)).name), escaped(row.meaning)});
  }
  return table.text();
}

// ---- the graph ----

std::string graph_operations() {
  Table table({"operation", "operands", "results", "attributes", "shared out by", "a row of the result"});
  for (const auto& row : runtime::operations) {
    std::string operands;
    for (const auto& operand : row.operands) {
      if (operand.kinds == 0) continue;
      operands +=
          fmt::format("{}{}{}", operands.empty() ? "" : "; ", names_in(operand.kinds, runtime::value_kinds),
                      operand.own_elements ? " (own elements)" : "");
    }
    table.add({code(row.name), operands, names_in(row.results, runtime::value_kinds),
               escaped(names_in(row.attributes, runtime::attributes)),
               names_in(row.sharings, runtime::sharings), escaped(row.meaning)});
  }
  return table.text();
}

std::string weight_roles() {
  Table table({"role", "of", "is"});
  for (const auto& row : runtime::weight_roles)
    table.add(
        {code(row.name), row.of_layer ? "each layer" : "the model", row.is_norm ? "a norm" : "a matrix"});
  return table.text();
}

// The passes in the order of their table, with the comments of their declarations.
std::string graph_passes(const fs::path& root) {
  const std::string source = read_text(root / "runtime/graph/passes.cpp");
  const std::string header = read_text(root / "runtime/graph/passes.h");
  Table table({"pass", "what it does"});
  for (size_t at = source.find("{\""); at != std::string::npos; at = source.find("{\"", at + 1)) {
    const std::string pass = source.substr(at + 2, source.find('"', at + 2) - at - 2);
    table.add({code(pass), escaped(comment_before(header, "void " + pass + "("))});
  }
  return table.text();
}

// ---- enumerations and structs that have no table of their own ----

// All headers of a folder, one after the other.
std::string headers_of(const fs::path& folder) {
  std::vector<fs::path> headers;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".h") headers.push_back(entry.path());
  }
  std::ranges::sort(headers);
  std::string text;
  for (const fs::path& header : headers) text += read_text(header) + "\n";
  return text;
}

struct Described {
  std::string_view name;  // of the table
  std::string_view head;
  std::string_view folder;
  std::string_view enumeration;
};
constexpr Described enumerations[] = {
    {"scalings", "scaling", "ir/kernel", "Scaling"},       {"loop kinds", "loop", "ir/kernel", "LoopKind"},
    {"unpackings", "unpack", "ir/kernel", "Unpack"},       {"epilogues", "epilogue", "ir/kernel", "Epilogue"},
    {"value kinds", "kind", "runtime/graph", "ValueKind"}, {"sharings", "by", "runtime/graph", "Sharing"},
};

std::string enumeration(const Described& described, const fs::path& root) {
  Table table({described.head, ""});
  for (const Commented& one : enumerators(headers_of(root / described.folder), described.enumeration))
    table.add({code(one.name), escaped(one.comment)});
  return table.text();
}

// What a strategy is: the comment beside its name, or that of its record, such as DotCompute.
std::string strategies(const fs::path& root) {
  const std::string headers = headers_of(root / "ir/kernel");
  Table table({"strategy", ""});
  for (const Commented& strategy : enumerators(headers, "Strategy")) {
    std::string record = strategy.name;
    record[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(record[0])));
    const std::string comment = comment_before(headers, "struct " + record + "Compute ");
    table.add({code(strategy.name), escaped(strategy.comment.empty() ? comment : strategy.comment)});
  }
  return table.text();
}

std::string options_of_strategies(const fs::path& root) {
  const std::string headers = headers_of(root / "ir/kernel");
  std::vector<std::string> records = {"Compute", "Unpacking"};
  for (const Commented& strategy : enumerators(headers, "Strategy")) {
    records.push_back(strategy.name + "Compute");
    records.back()[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(strategy.name[0])));
  }
  Table table({"record", "field", "without more", ""});
  for (const std::string& record : records) {
    for (const Commented& field : fields(headers, record))
      table.add({code(record), code(field.name), code(field.initial), escaped(field.comment)});
  }
  return table.text();
}

std::string knobs(const fs::path& root) {
  Table table({"knob", "without more", ""});
  for (const Commented& field : fields(headers_of(root / "kernels"), "Knobs"))
    table.add({code(field.name), code(field.initial), escaped(field.comment)});
  return table.text();
}

}  // namespace

std::string reference_table(std::string_view name, const fs::path& root) {
  if (name == "elements") return elements();
  if (name == "packings") return packings();
  if (name == "operations") return operations();
  if (name == "buffers") return buffers(root);
  if (name == "graph operations") return graph_operations();
  if (name == "graph passes") return graph_passes(root);
  if (name == "weight roles") return weight_roles();
  if (name == "strategies") return strategies(root);
  if (name == "options of strategies") return options_of_strategies(root);
  if (name == "knobs") return knobs(root);
  for (const Described& described : enumerations) {
    if (described.name == name) return enumeration(described, root);
  }
  return {};
}

std::string with_tables(std::string_view page,
                        const std::function<std::string(std::string_view name)>& table) {
  static constexpr std::string_view begin = "<!-- table: ", close = " -->\n", end = "<!-- end of table -->";
  std::string made;
  while (true) {
    const size_t at = page.find(begin), name_end = page.find(close, at), until = page.find(end, at);
    if (at == std::string_view::npos || name_end == std::string_view::npos || until == std::string_view::npos)
      return made.append(page);
    const std::string_view name = page.substr(at + begin.size(), name_end - at - begin.size());
    made.append(page.substr(0, name_end + close.size()))
        .append("\n")
        .append(table(name))
        .append("\n")
        .append(end);
    page.remove_prefix(until + end.size());
  }
}

}  // namespace tern::house
