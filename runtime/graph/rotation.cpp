#include "runtime/graph/rotation.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <utility>

namespace tern::runtime {
namespace {

constexpr std::string_view keys[] = {"prism.hadamard.version",       "prism.hadamard.block_size",
                                     "prism.hadamard.transform",     "prism.hadamard.axis",
                                     "prism.hadamard.sign_mode",     "prism.hadamard.sign_widths",
                                     "prism.hadamard.sign_values",   "prism.hadamard.weight_names",
                                     "prism.hadamard.gdn_v_grouped", "prism.hadamard.inverse_weight_names"};

// Matrices of layers whose inputs may be turned.
constexpr WeightRole turnable[] = {
    WeightRole::query,      WeightRole::key,         WeightRole::value, WeightRole::attention_output,
    WeightRole::gate,       WeightRole::up,          WeightRole::down,  WeightRole::delta_inputs,
    WeightRole::delta_gate, WeightRole::delta_output};

class RotationReader {
 public:
  RotationReader(const GgufFile& file, Hyperparameters& shape)
      : file_(file), shape_(shape), rotation_(shape.rotation) {}

  Status run() {
    TERN_TRY(get_integer(file_, "prism.hadamard.version", 1, 1));
    TERN_ASSIGN(const uint64_t block, get_integer(file_, "prism.hadamard.block_size", 1, max_matrix_width));
    if (!std::has_single_bit(block))
      return fault(fmt::format("key 'prism.hadamard.block_size' is {}, no power of two", block));
    rotation_.block = static_cast<uint32_t>(block);
    TERN_TRY(expect("prism.hadamard.transform", "normalized-sylvester-walsh-hadamard"));
    TERN_TRY(expect("prism.hadamard.axis", "input-last-dimension"));
    if (file_.find("prism.hadamard.gdn_v_grouped")) {
      TERN_ASSIGN(rotation_.groups_heads, get_boolean(file_, "prism.hadamard.gdn_v_grouped"));
    }
    TERN_TRY(read_signs());
    TERN_TRY(read_weights());
    return read_embedding();
  }

 private:
  Error fault(std::string message) const { return Error{std::move(message), {file_.path()}}; }

  Status expect(std::string_view key, std::string_view wanted) {
    TERN_ASSIGN(const std::string_view value, get_string(file_, key));
    if (value == wanted) return {};
    return fault(fmt::format("key '{}' is {}; only {} is supported", key, quote(value), wanted));
  }

  Status read_signs() {
    TERN_ASSIGN(const std::string_view mode, get_string(file_, "prism.hadamard.sign_mode"));
    if (mode == "identity") {
      if (file_.find("prism.hadamard.sign_widths") || file_.find("prism.hadamard.sign_values"))
        return fault("key 'prism.hadamard.sign_mode' says that there are no signs, but the file has some");
      return {};
    }
    if (mode != "explicit")
      return fault(
          fmt::format("key 'prism.hadamard.sign_mode' is {}; it must be explicit or identity", quote(mode)));
    explicit_ = true;
    TERN_ASSIGN(const std::vector<int32_t> widths, get_integers(file_, "prism.hadamard.sign_widths"));
    TERN_ASSIGN(const std::vector<int32_t> values, get_integers(file_, "prism.hadamard.sign_values"));
    size_t next = 0;
    for (const int32_t width : widths) {
      if (width < 1 || static_cast<size_t>(width) > values.size() - next)
        return fault(
            fmt::format("key 'prism.hadamard.sign_values' has no {} signs after the first {}", width, next));
      std::vector<float>& factors = rotation_.factors[static_cast<uint32_t>(width)];
      if (!factors.empty()) return fault(fmt::format("key 'prism.hadamard.sign_widths' has {} twice", width));
      for (int32_t i = 0; i < width; ++i) {
        const int32_t sign = values[next++];
        if (sign != 1 && sign != -1)
          return fault(fmt::format("key 'prism.hadamard.sign_values' has {} at index {}", sign, next - 1));
        factors.push_back(static_cast<float>(sign) * factor());
      }
    }
    if (next != values.size())
      return fault(fmt::format("key 'prism.hadamard.sign_values' has {} signs; the widths are {} in all",
                               values.size(), next));
    return {};
  }

  float factor() const { return 1.0f / std::sqrt(static_cast<float>(rotation_.block)); }

  // Signs for rows of this width.
  Status add_width(std::string_view tensor, uint64_t width) {
    if (width % rotation_.block != 0)
      return fault(fmt::format("tensor {}: its {} inputs are no whole blocks of {} to turn", quote(tensor),
                               width, rotation_.block));
    std::vector<float>& factors = rotation_.factors[static_cast<uint32_t>(width)];
    if (!factors.empty()) return {};
    if (explicit_)
      return fault(
          fmt::format("tensor {}: the key 'prism.hadamard.sign_widths' has no {}, the width of its "
                      "inputs",
                      quote(tensor), width));
    factors.assign(width, factor());
    return {};
  }

  // Inputs of the matrices with this role, as the hyperparameters imply them; the model's loader checks later
  // that the file's tensors have as many.
  uint64_t inputs_of(WeightRole role) const {
    if (role == WeightRole::attention_output) return shape_.query_length();
    if (role == WeightRole::delta_output) return shape_.delta_length();
    if (role == WeightRole::down) return shape_.feed_forward_length;
    return shape_.embedding_length;
  }

  Status read_weights() {
    std::map<std::string, std::pair<WeightRole, int64_t>> known;
    for (int64_t layer = 0; layer < int64_t{shape_.block_count} + shape_.spare_layers; ++layer) {
      for (const WeightRole role : turnable) known[tensor_name(role, layer)] = {role, layer};
    }
    known[tensor_name(WeightRole::output, -1)] = {WeightRole::output, -1};
    rotation_.layers.resize(shape_.block_count);
    TERN_ASSIGN(const std::vector<std::string_view> names, get_strings(file_, "prism.hadamard.weight_names"));
    for (const std::string_view name : names) {
      const auto found = known.find(std::string(name));
      if (found == known.end() || !file_.find_tensor(name))
        return fault(fmt::format("key 'prism.hadamard.weight_names' names {}, {}", quote(name),
                                 found == known.end() ? "which is no matrix whose inputs can be turned"
                                                      : "which is not in the file"));
      const auto [role, layer] = found->second;
      if (layer >= int64_t{shape_.block_count}) continue;
      TERN_TRY(add_width(name, inputs_of(role)));
      if (layer < 0)
        rotation_.head = true;
      else
        rotation_.layers[static_cast<size_t>(layer)].push_back(role);
    }
    for (std::vector<WeightRole>& roles : rotation_.layers) {
      std::ranges::sort(roles);
      roles.erase(std::ranges::unique(roles).begin(), roles.end());
    }
    return {};
  }

  Status read_embedding() {
    constexpr std::string_view key = "prism.hadamard.inverse_weight_names";
    if (file_.find(key)) {
      TERN_ASSIGN(const std::vector<std::string_view> names, get_strings(file_, key));
      for (const std::string_view name : names) {
        if (name != "token_embd.weight")
          return fault(
              fmt::format("key '{}' names {}; only token_embd.weight can be turned back", key, quote(name)));
        rotation_.embedding = true;
        TERN_TRY(add_width(name, shape_.embedding_length));
      }
    }
    if (rotation_.embedding && shape_.tied_head)
      return fault("the embedding is turned and is the head too, which is not supported");
    return {};
  }

  const GgufFile& file_;
  Hyperparameters& shape_;
  Rotation& rotation_;
  bool explicit_ = false;
};

}  // namespace

std::span<const std::string_view> rotation_keys() {
  return keys;
}

Status read_rotation(const GgufFile& file, Hyperparameters& shape) {
  const bool has_keys =
      std::ranges::any_of(keys, [&](std::string_view key) { return file.find(key) != nullptr; });
  if (!has_keys) return {};
  return RotationReader(file, shape).run();
}

}  // namespace tern::runtime
