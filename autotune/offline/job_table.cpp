// The table of a job's kernels, as C++ for the runner: a layout as the strides of its digits, a packing as
// its codes, so that the runner can pack weights without knowing what any of them is called.
#include <fmt/format.h>

#include <algorithm>

#include "autotune/offline/job.h"
#include "codegen/lower/lower.h"
#include "ir/half.h"
#include "ir/program/program.h"

namespace tern::autotune {
namespace {

// As in KernelTimer: an ordinary number in every type, and a code in most packings.
constexpr int any_weights = 0x55;

// Definitions by what they define, each once, named in the order in which they came.
class Definitions {
 public:
  // The names of what `body` defines.
  std::string value(std::string_view type, std::string_view stem, const std::string& body) {
    return define(type, stem, "", body);
  }
  std::string array(std::string_view type, std::string_view stem, const std::string& body) {
    return define(type, stem, "[]", body);
  }
  const std::string& text() const { return text_; }

 private:
  std::string define(std::string_view type, std::string_view stem, std::string_view extent,
                     const std::string& body) {
    const auto [place, is_new] = names_.try_emplace(fmt::format("{} {}", type, body));
    if (!is_new) return place->second;
    place->second = fmt::format("{}_{}", stem, names_.size());
    text_ += fmt::format("constexpr {} {}{} = {};\n", type, place->second, extent, body);
    return place->second;
  }

  std::map<std::string, std::string> names_;
  std::string text_;
};

// `base`: values of a weight of codes for trits or i2; 0: weights are stored as their values say.
std::string packing_text(Definitions& definitions, ir::Packing packing, int base) {
  const ir::PackingInfo& row = ir::info(packing);
  std::string codes = "nullptr";
  if (base > 0) {
    std::string body = "{";
    int runs = 1;
    for (int i = 0; i < row.weights_per_code; ++i) runs *= base;
    for (int run = 0; run < runs; ++run) {
      std::vector<int8_t> trits(static_cast<size_t>(row.weights_per_code));
      for (int i = row.weights_per_code - 1, rest = run; i >= 0; --i, rest /= base)
        trits[static_cast<size_t>(i)] = static_cast<int8_t>(rest % base - 1);
      // Packings of signs have no code for 0, and none is asked for.
      const bool has_zero = std::ranges::find(trits, 0) != trits.end();
      const int code = has_zero && !row.holds.trits ? 0 : ir::code_of_trits(packing, trits);
      body += fmt::format("{}{}", run == 0 ? "" : ", ", code);
    }
    codes = definitions.array("uint8_t", "codes", body + "}");
  }
  return definitions.value("Packing", "packing",
                           fmt::format("{{{}, {}, {}, {}, {}, {}, {}, {}, {}}}", row.weights_per_group,
                                       row.bytes_per_group, row.weights_per_code, row.code_bits,
                                       row.first_bit, row.bit_step, row.high_bits, base, codes));
}

std::string layout_text(Definitions& definitions, const ir::Layout& layout, int64_t n, int64_t k, int base) {
  const ir::LayoutMap map(layout, n, k);
  const ir::PackingInfo& row = ir::info(layout.packing);
  std::string factors = "{";
  int count = 0;
  for (const ir::Factor& factor : layout.factors) {
    if (factor.axis == ir::Axis::b) continue;
    // One step of this digit, and of no other.
    const int64_t stride =
        factor.axis == ir::Axis::n ? map.along_n(factor.divisor) : map.along_k(factor.divisor);
    factors += fmt::format("{}{{'{}', {}, {}, {}}}", count++ == 0 ? "" : ", ", name(factor.axis),
                           factor.modulus, factor.divisor, stride);
  }
  return definitions.value("Layout", "layout",
                           fmt::format("{{&{}, {}, {}, {}}}", packing_text(definitions, layout.packing, base),
                                       map.byte_stride() * row.weights_per_group,
                                       definitions.array("Factor", "factors", factors + "}"), count));
}

// Whether weights are stored as codes of trits, signs or i2, not as the numbers that they are.
bool has_codes(const ir::Problem& problem) {
  using ir::Element;
  const Element element = problem.w.element;
  return element == Element::trit || element == Element::sign || element == Element::i2;
}

// What the weights of a problem may be, and how each is stored.
std::string values_text(Definitions& definitions, const ir::Problem& problem, size_t& count) {
  struct Value {
    float value;
    uint32_t stored;
  };
  std::vector<Value> values;
  if (has_codes(problem)) {
    for (int trit = -1; trit <= highest(problem.w.element); ++trit) {
      if (trit != 0 || problem.w.element != ir::Element::sign)
        values.push_back({static_cast<float>(trit), static_cast<uint32_t>(trit + 1)});
    }
  } else {
    const ir::Packing packing = *ir::packing_named(name(problem.w.element));
    const bool whole = !is_float(problem.w.element);
    for (int i = -8; i < 8; ++i) {
      uint8_t bytes[4] = {};
      encode_dense(packing, bytes, whole ? static_cast<float>(i) : static_cast<float>(i) * 0.37f);
      uint32_t stored = 0;
      for (int byte = 3; byte >= 0; --byte) stored = stored << 8 | bytes[byte];
      values.push_back({decode_dense(packing, bytes), stored});
    }
  }
  count = values.size();
  std::string body = "{";
  for (const Value& value : values)
    body += fmt::format("{}{{{:a}f, {}u}}", body.size() > 1 ? ", " : "", value.value, value.stored);
  return definitions.array("Value", "values", body + "}");
}

std::string_view scaling_text(ir::Scaling scaling) {
  switch (scaling) {
    case ir::Scaling::none: return "Scaling::none";
    case ir::Scaling::tensor: return "Scaling::tensor";
    case ir::Scaling::row: return "Scaling::row";
    case ir::Scaling::group: return "Scaling::group";
  }
  return {};
}

// Threads share out the first parallel loop over outputs.
int shared_loop(const ir::Kernel& kernel) {
  int place = 0;
  for (const ir::ScheduledLoop& loop : kernel.schedule.loops) {
    if (loop.kind != ir::LoopKind::parallel) continue;
    if (loop.axis == ir::Axis::n) return place;
    ++place;
  }
  return -1;
}

bool weights_may_be_any(const ir::Kernel& kernel) {
  const ir::Program program = codegen::lower(kernel);
  const ir::Buffer& weights = *find_parameter(program, ir::BufferRole::weights);
  return !weights.has_promise() || (weights.lowest <= any_weights && any_weights <= weights.highest);
}

// Texts of ours have neither quotes nor backslashes, but a target may be called anything.
std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string claims_text(const targets::Target& target) {
  std::vector<const targets::FeatureInfo*> rows;
  std::string needs;
  for (const targets::FeatureInfo& row : targets::feature_table()) {
    if (row.architecture == target.architecture) rows.push_back(&row);
    if (target.features.contains(row.feature)) needs += fmt::format("\"{}\", ", row.name);
  }
  std::ranges::sort(rows, {}, &targets::FeatureInfo::name);
  std::string text = "constexpr Claim job_claims[] = {\n";
  for (const targets::FeatureInfo* row : rows)
    text += fmt::format("    {{\"{}\", [] {{ return bool({}); }}}},\n", row->name,
                        codegen::claimed_in_c(row->feature));
  // The array must not be empty.
  text += fmt::format("}};\nconst std::vector<const char*> job_needs = {{{}}};\n", needs);
  const bool arm = target.architecture == targets::Architecture::aarch64;
  // PR_SVE_GET_VL
  return text + fmt::format("inline int scalable_vector_bits() {{ return {}; }}\n",
                            arm ? "prctl(51) > 0 ? (prctl(51) & 0xffff) * 8 : 0" : "0");
}

}  // namespace

std::string runner_table(const Job& job) {
  Definitions definitions;
  std::string buckets = "constexpr Bucket job_buckets[] = {\n", lists;
  int next = 0, list = 0;
  bool any = true;
  for (const JobShape& shape : job.shapes) {
    for (const JobBucket& bucket : shape.buckets) {
      const ir::Problem& problem = bucket.candidates[0].kernel.problem;
      const int base = !has_codes(problem) ? 0 : problem.w.element == ir::Element::i2 ? 4 : 3;
      lists += fmt::format("constexpr Candidate list_{}[] = {{\n", list);
      for (const Record& record : bucket.candidates) {
        const ir::Kernel& kernel = record.kernel;
        any = any && weights_may_be_any(kernel);
        std::string scales = "nullptr";
        if (kernel.scales) {
          const int64_t groups = ir::ceil_divide(problem.k, problem.w.group);
          scales = fmt::format("&{}", layout_text(definitions, *kernel.scales, problem.n, groups, 0));
        }
        lists += fmt::format("    {{{}, {}, &{}, {}, {}}},\n", next++, in_quotes(record.recipe),
                             layout_text(definitions, kernel.weights, problem.n, problem.k, base), scales,
                             shared_loop(kernel));
      }
      lists += "};\n";
      size_t count = 0;
      const std::string values = values_text(definitions, problem, count);
      buckets +=
          fmt::format("    {{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, list_{}, {}}},\n", problem.m,
                      problem.n, problem.k, problem.is_quantized(), scaling_text(problem.w.scaling),
                      problem.w.group, problem.w.scale == ir::Element::f16, problem.a.group, values, count,
                      activation_stride(problem), output_stride(problem), list++, bucket.candidates.size());
    }
  }
  targets::FeatureSet all;
  for (const targets::FeatureInfo& row : targets::feature_table()) {
    if (row.architecture == job.target.architecture) all.insert(row.feature);
  }
  return fmt::format(
      "// The kernels of job {0}, for {1}; {2} wrote this for runner.cpp.\n#pragma once\n\n{3}\n"
      "#include <vector>\n\n#include \"types.h\"\n\nnamespace tern::job {{\n\n"
      "constexpr const char* job_digits = \"{0}\";\nconstexpr const char* job_architecture = \"{4}\";\n"
      "constexpr const char* job_llvm = \"{5}\";\nconstexpr int job_generator = {6};\n"
      "constexpr int job_weights_byte = {7};  // what memory that is read as weights is filled with\n\n{8}\n"
      "{9}\n{10}\n{11}}};\n\n}}  // namespace tern::job\n",
      digits_of(job), job.target.name, job.made_by, codegen::claims_need_in_c(job.target.architecture, all),
      name(job.target.architecture), job.provenance.llvm, job.provenance.generator, any ? any_weights : 0,
      claims_text(job.target), definitions.text(), lists, buckets);
}

}  // namespace tern::autotune
