// The operations of a graph, as a table: operands, results and attributes of each, and how threads may share
// it out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tern::runtime {

// What a value holds, for each row (a token):
enum class ValueKind : uint8_t {
  f32,       // `width` numbers
  i8,        // `width` numbers from -127 to 127, with an f32 scale a row or a group of numbers
  pages,     // no row, but the keys and values of a layer, each `width` numbers a position, of each sequence
  partials,  // of attention: a result for each block of positions, which `combine` makes `width` numbers of
  routes,    // `width` experts that are chosen for the row, each with its weight, and where its rows lie
};
inline constexpr std::array<std::string_view, 5> value_kinds = {"f32", "i8", "pages", "partials", "routes"};
constexpr std::string_view name(ValueKind kind) {
  return value_kinds[static_cast<size_t>(kind)];
}

// How the threads share an operation out: the unit of work that a thread does alone.
enum class Sharing : uint8_t {
  undecided,  // before the pass group_steps
  rows,       // a row
  columns,    // for all rows, a range of the columns of the result
  heads,      // one head of a row
  tasks,  // of attention: some rows, one key-value head, a block of positions; of delta_rule: part of a head
  each,   // none: each thread computes all of it for itself, into memory of its own
};
inline constexpr std::array<std::string_view, 6> sharings = {"undecided", "rows",  "columns",
                                                             "heads",     "tasks", "each"};
constexpr std::string_view name(Sharing sharing) {
  return sharings[static_cast<size_t>(sharing)];
}

enum class Op : uint8_t {
  embed,
  rope_angles,
  center,
  rms_norm,
  quantize,
  matmul,
  rope,
  store,
  attend,
  combine,
  add,
  gate,
  activate,
  scale,
  select,
  route,
  gather,
  expert_matmul,
  expert_gate,
  mix,
  rotate,
  part,
  convolve,
  delta_rule,
};

// The attributes of operations: fields of Operation (runtime/graph/graph.h).
enum class Attribute : uint8_t {
  weights,
  epsilon,
  base,
  divisor,
  context,
  magnitude,
  heads,
  kv_heads,
  pairs,
  window,
  function,
  limit,
  factor,
  epilogue,
  experts,
  block,
  part
};
inline constexpr std::array<std::string_view, 17> attributes = {
    "weights", "epsilon",  "base",  "divisor", "context",  "magnitude", "heads", "kv_heads", "pairs",
    "window",  "function", "limit", "factor",  "epilogue", "experts",   "block", "part"};
constexpr std::string_view name(Attribute attribute) {
  return attributes[static_cast<size_t>(attribute)];
}

// Sets of values of an enumeration, bit i for the value i.
template <class T>
constexpr uint32_t set_of() {
  return 0;
}
template <class T, class... More>
constexpr uint32_t set_of(T first, More... more) {
  return 1u << static_cast<uint32_t>(first) | set_of<T>(more...);
}
template <class T>
constexpr bool contains(uint32_t set, T element) {
  return (set >> static_cast<uint32_t>(element) & 1) != 0;
}

// One operand of an operation.
struct OperandInfo {
  uint32_t kinds = 0;  // set of ValueKind; 0: there is no such operand
  // A thread that computes some columns (or heads) of a row of the result reads the same columns (heads) of
  // the operand's row, and no others. If false, it may read the whole row.
  bool own_elements = false;
};

struct OpInfo {
  Op op;
  std::string_view name;
  std::array<OperandInfo, 3> operands;
  uint32_t results;     // set of ValueKind
  uint32_t attributes;  // set of Attribute
  uint32_t sharings;    // set of Sharing
  // What a row of the result is, with the order of the operations where rounding makes it count.
  std::string_view meaning;
};

namespace detail {
constexpr uint32_t f32 = set_of(ValueKind::f32), i8 = set_of(ValueKind::i8), pages = set_of(ValueKind::pages),
                   partials = set_of(ValueKind::partials), routes = set_of(ValueKind::routes);
constexpr OperandInfo whole(uint32_t kinds) {
  return {kinds, false};
}
constexpr OperandInfo own(uint32_t kinds) {
  return {kinds, true};
}
constexpr uint32_t by_row = set_of(Sharing::rows, Sharing::each);
}  // namespace detail

// In the order of Op. matmul has a second operand if its epilogue reads one, and a result for each of its
// weights, side by side as if these were one matrix; if it quantises its rows, these are one more result, the
// last, of kind i8.
inline constexpr std::array<OpInfo, 24> operations = {{
    {Op::embed,
     "embed",
     {},
     detail::f32,
     set_of(Attribute::weights, Attribute::factor, Attribute::block),
     set_of(Sharing::rows),
     "the row of the weights that the token names, * factor; with blocks, first turned back: H x * signs, as "
     "rotate says"},
    {Op::rope_angles,
     "rope_angles",
     {},
     detail::f32,
     set_of(Attribute::weights, Attribute::base, Attribute::divisor, Attribute::context,
            Attribute::magnitude),
     set_of(Sharing::rows),
     "the cosines, then the sines of the token's position; the weights, if there are any, divide "
     "frequencies: "
     "see runtime/math/rope.h"},
    {Op::center,
     "center",
     {detail::whole(detail::f32)},
     detail::f32,
     0,
     detail::by_row,
     "x - (sum of the row / its width), the sum as runtime/math/float_ops.h says: with rms_norm behind it, "
     "LayerNorm"},
    {Op::rms_norm,
     "rms_norm",
     {detail::whole(detail::f32)},
     detail::f32,
     set_of(Attribute::weights, Attribute::epsilon, Attribute::heads),
     detail::by_row | set_of(Sharing::heads),
     "(x * r) * weights, r = 1 / sqrt(mean of squares + epsilon), of the row or of each of its heads; the "
     "sum "
     "as runtime/math/float_ops.h says"},
    {Op::quantize,
     "quantize",
     {detail::whole(detail::f32)},
     detail::i8,
     0,
     detail::by_row,
     "x * s rounded half to even, s = 127 / max(|x|, 1e-5), the maximum over the row or the group"},
    {Op::matmul,
     "matmul",
     {detail::whole(detail::i8 | detail::f32), detail::own(detail::f32)},
     detail::f32 | detail::i8,
     set_of(Attribute::weights, Attribute::epilogue),
     set_of(Sharing::columns, Sharing::rows),
     "of i8: exact sums, then / scale of the row * scale of the weights, then the epilogue (ir/kernel/"
     "epilogue.h); of f32: a sum in the order of the inputs"},
    {Op::rope,
     "rope",
     {detail::own(detail::f32), detail::whole(detail::f32)},
     detail::f32,
     set_of(Attribute::heads, Attribute::pairs),
     set_of(Sharing::heads),
     "each head turned by the angles: pairs (i, i + half of them), or adjacent ones, the rest as it was"},
    {Op::store,
     "store",
     {detail::own(detail::f32), detail::own(detail::f32)},
     detail::pages,
     set_of(Attribute::heads),
     set_of(Sharing::heads),
     "the keys and values of all positions so far, with those of this row added"},
    {Op::attend,
     "attend",
     {detail::whole(detail::f32), detail::whole(detail::pages)},
     detail::partials | detail::f32,
     set_of(Attribute::heads, Attribute::kv_heads, Attribute::window),
     set_of(Sharing::tasks),
     "of each head and block of positions: largest score, sum of exponentials, weighted sum of values (see "
     "runtime/math/attention.h), of the last `window` positions if it is given; as f32, what combine makes "
     "of "
     "them"},
    {Op::combine,
     "combine",
     {detail::whole(detail::partials)},
     detail::f32,
     set_of(Attribute::heads, Attribute::window),
     detail::by_row,
     "the partial results of each head, combined in ascending order of their positions"},
    {Op::add,
     "add",
     {detail::own(detail::f32), detail::own(detail::f32)},
     detail::f32,
     set_of(Attribute::factor),
     set_of(Sharing::columns),
     "x + y * factor"},
    {Op::gate,
     "gate",
     {detail::own(detail::f32), detail::own(detail::f32)},
     detail::f32,
     set_of(Attribute::function, Attribute::limit),
     set_of(Sharing::columns),
     "relu_squared: (r * r) * y, r = max(x, 0); silu: (x / (1 + exp(-x))) * y; gelu: (x / (1 + exp(-2 z))) * "
     "y, z = sqrt(2 / pi) * (x + 0.044715 * x^3); sigmoid: (1 / (1 + exp(-x))) * y; of min(x, limit) and of "
     "y within -limit and limit"},
    {Op::activate,
     "activate",
     {detail::own(detail::f32)},
     detail::f32,
     set_of(Attribute::function),
     set_of(Sharing::columns),
     "as gate without a limit, of x and of y = 1"},
    {Op::scale,
     "scale",
     {detail::own(detail::f32)},
     detail::f32,
     set_of(Attribute::factor),
     set_of(Sharing::columns),
     "x * factor"},
    {Op::select,
     "select",
     {detail::whole(detail::f32)},
     detail::f32,
     0,
     detail::by_row,
     "the rows whose logits are asked for, close together: what follows works on these alone"},
    {Op::route,
     "route",
     {detail::whole(detail::f32)},
     detail::routes,
     0,
     set_of(Sharing::each),
     "the experts of the largest numbers (of equal ones the first), in ascending order, each with the weight "
     "e / (sum of all chosen e, in this order), e = exp(x - the row's maximum)"},
    {Op::gather,
     "gather",
     {detail::whole(detail::f32 | detail::i8), detail::whole(detail::routes)},
     detail::f32 | detail::i8,
     0,
     set_of(Sharing::rows),
     "the row once for each of its experts; rows of one expert lie together"},
    {Op::expert_matmul,
     "expert_matmul",
     {detail::whole(detail::f32 | detail::i8), detail::whole(detail::routes)},
     detail::f32,
     set_of(Attribute::weights, Attribute::experts),
     set_of(Sharing::columns),
     "each row multiplied with the matrix of its expert, as matmul does"},
    {Op::expert_gate,
     "expert_gate",
     {detail::whole(detail::f32), detail::whole(detail::f32), detail::whole(detail::routes)},
     detail::f32 | detail::i8,
     set_of(Attribute::function, Attribute::limit),
     set_of(Sharing::rows),
     "as gate; as i8, what quantize makes of it"},
    {Op::mix,
     "mix",
     {detail::whole(detail::f32), detail::whole(detail::routes)},
     detail::f32,
     0,
     set_of(Sharing::columns),
     "((x_1 * w_1) + x_2 * w_2) + ..., over the experts of the row in ascending order"},
    {Op::rotate,
     "rotate",
     {detail::whole(detail::f32)},
     detail::f32,
     set_of(Attribute::heads, Attribute::kv_heads, Attribute::block),
     detail::by_row,
     "H (x * signs) for each block, H the normalised Walsh-Hadamard matrix (runtime/math/hadamard.h); with "
     "heads, first these in the order h % kv_heads, h / kv_heads"},
    {Op::part,
     "part",
     {detail::own(detail::f32)},
     detail::f32,
     set_of(Attribute::heads, Attribute::part),
     set_of(Sharing::heads),
     "of each head the numbers from part * d on, d those of a head of the result"},
    {Op::convolve,
     "convolve",
     {detail::own(detail::f32)},
     detail::f32,
     set_of(Attribute::weights, Attribute::window),
     set_of(Sharing::columns),
     "silu(s), s = ((x_1 * w_1) + x_2 * w_2) + ... over the last `window` tokens of the sequence, up to the "
     "row's own, with zeros before the first (runtime/math/delta_rule.h)"},
    {Op::delta_rule,
     "delta_rule",
     {detail::whole(detail::f32), detail::whole(detail::f32), detail::whole(detail::f32)},
     detail::f32,
     set_of(Attribute::weights, Attribute::epsilon, Attribute::heads, Attribute::kv_heads),
     set_of(Sharing::tasks),
     "of queries and keys of kv_heads heads and values of heads, then of alpha and beta of heads: what each "
     "head's memory gives, once it has taken in the token (runtime/math/delta_rule.h); head h reads that of "
     "h % kv_heads; keys are x / sqrt(sum of squares + epsilon), queries that / sqrt(their width)"},
}};
constexpr const OpInfo& info(Op op) {
  return operations[static_cast<size_t>(op)];
}
constexpr std::string_view name(Op op) {
  return info(op).name;
}
std::optional<Op> op_named(std::string_view name);

}  // namespace tern::runtime
