#include "runtime/math/attention.h"

#include <limits>

// Highway includes this file once for every instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/math/attention.cpp"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "runtime/math/vector_math-inl.h"
#include "runtime/math/vector_table.h"

#ifndef TERN_RUNTIME_ATTENTION_CPP_ONCE
#define TERN_RUNTIME_ATTENTION_CPP_ONCE
namespace tern::runtime {

// Queries that go through a block together: they share what comes into the innermost caches.
inline constexpr size_t query_group = 64;
// Queries that share what comes into registers.
inline constexpr size_t query_tile = 4;
// Positions whose values all queries of a group use before the next ones: they stay in the innermost cache.
inline constexpr size_t value_run = 64;
// How far ahead of its use memory is asked for.
inline constexpr size_t prefetch_bytes = 2048;

constexpr size_t min_of(size_t a, size_t b) {
  return a < b ? a : b;
}

constexpr size_t max_of(size_t a, size_t b) {
  return a > b ? a : b;
}

constexpr size_t padded_dimension(size_t head_dimension) {
  return (head_dimension + value_padding - 1) / value_padding * value_padding;
}

// What is kept of combined blocks beside their weighted values: the maximum score and the sum of
// exponentials.
struct Combined {
  float maximum, total;
};

inline Combined facts_of(const float* partial, size_t head_dimension) {
  const float* facts = partial + padded_dimension(head_dimension);
  return {facts[0], facts[1]};
}

// One query of a group in one block.
struct Query {
  const float* query;
  float* weights;  // attention_block floats: the scores of the block's positions, then their exponentials
  float* partial;  // as attention.h says
  size_t begin;    // of the positions that it sees in the block: those before it get a weight of 0
  size_t end;      // of the positions that it sees in the block
};

// Positions begin ... end of one head, within an attention block; `begin` is a multiple of key_block, and
// none of the queries sees an earlier position of the block. Queries in ascending order of `end`.
struct Block {
  KeyValueHead head;
  size_t begin, end;
  Query* queries;
  size_t count;
  float scale;
};

// What is compiled for each set of instructions: attend_queries(), combine_blocks() and divide_by_total()
// below.
struct AttentionCode {
  void (*attend_queries)(const Block& block);
  void (*combine_blocks)(const float* partials, size_t blocks, size_t head_dimension, Combined& combined,
                         float* values);
  void (*divide_by_total)(const float* values, float total, size_t head_dimension, float* output);
};

}  // namespace tern::runtime
#endif

HWY_BEFORE_NAMESPACE();
namespace tern::runtime {
namespace HWY_NAMESPACE {

// `lanes` keys or values as f32.
HWY_INLINE VF32 load_element(const float* p) {
  return hn::LoadU(F32(), p);
}
HWY_INLINE VF32 load_element(const uint16_t* p) {
  return load_f16(p);
}

// Calls body(tile, first) for tiles of the queries first ... count, where tile is an integral constant: their
// number.
template <class Body>
HWY_INLINE void for_each_tile(size_t first, size_t count, const Body& body) {
  for (; first + query_tile <= count; first += query_tile) {
    body(std::integral_constant<size_t, query_tile>(), first);
  }
  switch (count - first) {
    case 3: return body(std::integral_constant<size_t, 3>(), first);
    case 2: return body(std::integral_constant<size_t, 2>(), first);
    case 1: return body(std::integral_constant<size_t, 1>(), first);
  }
}

// Position `position`'s keys, the first of a key block, and values.
template <class Element>
HWY_INLINE const Element* keys_at(const KeyValueHead& head, size_t position) {
  const std::byte* page = head.pages[position / head.page_positions];
  return reinterpret_cast<const Element*>(page + head.keys) +
         position % head.page_positions * head.head_dimension;
}
template <class Element>
HWY_INLINE const Element* values_at(const KeyValueHead& head, size_t position) {
  const std::byte* page = head.pages[position / head.page_positions];
  return reinterpret_cast<const Element*>(page + head.values) +
         position % head.page_positions * padded_dimension(head.head_dimension);
}

// Rows of `row_size` elements that are read one after another. `next` is what is read after the last: where a
// page ends, it is in another page.
template <class Element>
class Stretch {
 public:
  Stretch(const Element* data, size_t rows, size_t row_size, const Element* next)
      : data_(data),
        next_(next),
        rows_(rows),
        row_size_(row_size),
        ahead_(min_of(rows, prefetch_bytes / sizeof(Element) / row_size)) {}

  const Element* row(size_t index) const { return data_ + index * row_size_; }
  size_t rows() const { return rows_; }
  size_t row_size() const { return row_size_; }

  // While row `index` is used, asks for the row that lies prefetch_bytes behind it.
  HWY_INLINE void prefetch_behind(size_t index) const {
    constexpr size_t line = 64 / sizeof(Element);
    const size_t later = index + ahead_;
    const Element* start = later < rows_ ? row(later) : next_ + (later - rows_) * row_size_;
    for (size_t i = 0; i < row_size_; i += line) hwy::Prefetch(start + i);
  }

 private:
  const Element* data_;
  const Element* next_;
  size_t rows_, row_size_, ahead_;
};

// Scores of `count` queries for the positions of one key block: a stretch of rows of key_block elements, one
// for each number of a head. They go to `offset` in the weights of the queries. Asks for memory ahead if
// `ahead`.
template <size_t count, class Element>
HWY_INLINE void score_tile(const Stretch<Element>& keys, const Query* queries, size_t offset, float scale,
                           bool ahead) {
  const F32 d;
  constexpr size_t vectors = 2;  // side by side, so that additions need not wait for each other
  const float* query[count];
  for (size_t j = 0; j < count; ++j) query[j] = queries[j].query;
  for (size_t lane = 0; lane < key_block; lane += vectors * lanes) {
    VF32 sums[count][vectors];
    for (auto& sum : sums) sum[0] = sum[1] = hn::Zero(d);
    const Element* key = keys.row(0) + lane;
    for (size_t i = 0; i < keys.rows(); ++i, key += key_block) {
      if (ahead) keys.prefetch_behind(i);
      const VF32 k0 = load_element(key), k1 = load_element(key + lanes);
      for (size_t j = 0; j < count; ++j) {
        const VF32 q = hn::Set(d, query[j][i]);
        sums[j][0] = hn::Add(sums[j][0], hn::Mul(q, k0));
        sums[j][1] = hn::Add(sums[j][1], hn::Mul(q, k1));
      }
    }
    ahead = false;
    for (size_t j = 0; j < count; ++j) {
      float* scores = queries[j].weights + offset + lane;
      hn::StoreU(hn::Mul(sums[j][0], hn::Set(d, scale)), d, scores);
      hn::StoreU(hn::Mul(sums[j][1], hn::Set(d, scale)), d, scores + lanes);
    }
  }
}

template <class Element>
HWY_INLINE void score_block(const Block& block) {
  const KeyValueHead& head = block.head;
  size_t first = 0;
  for (size_t position = block.begin; position < block.end; position += key_block) {
    // After the last key come the values.
    const size_t next = position + key_block;
    const Stretch<Element> keys(
        keys_at<Element>(head, position), head.head_dimension, key_block,
        next < block.end ? keys_at<Element>(head, next) : values_at<Element>(head, block.begin));
    while (block.queries[first].end <= position) ++first;
    for_each_tile(first, block.count, [&](auto tile, size_t j) HWY_ATTR {
      score_tile<tile()>(keys, block.queries + j, position - block.begin, block.scale, j == first);
    });
  }
}

// Turns the first `size` scores of a query into exponentials; stores their maximum and sum.
// Those of the first `unseen` count for nothing.
HWY_INLINE void exponentials(const Query& query, size_t unseen, size_t size, size_t head_dimension) {
  const F32 d;
  float* weights = query.weights;
  for (size_t i = 0; i < unseen; ++i) weights[i] = -std::numeric_limits<float>::infinity();
  VF32 largest = hn::Set(d, weights[0]);
  for_each_vector(size, [&](size_t i, size_t count) HWY_ATTR {
    VF32 scores = hn::LoadU(d, weights + i);
    if (count < lanes) scores = hn::IfThenElse(hn::FirstN(d, count), scores, largest);
    largest = hn::IfThenElse(hn::Lt(largest, scores), scores, largest);
  });
  float each[lanes];
  hn::StoreU(largest, d, each);
  float maximum = each[0];
  for (const float lane : each) maximum = lane > maximum ? lane : maximum;
  for_each_vector(size, [&](size_t i, size_t) HWY_ATTR {
    hn::StoreU(exp(hn::Sub(hn::LoadU(d, weights + i), hn::Set(d, maximum))), d, weights + i);
  });
  float* facts = query.partial + padded_dimension(head_dimension);
  facts[0] = maximum;
  facts[1] = block_sum(weights, size, [](VF32 v) HWY_ATTR { return v; });
}

// Adds weight * value to the partial results of `count` queries, for `vectors` vectors of the head dimension,
// over the rows begin ... end of a stretch of values. The weight of row r is at first_weight + r in the
// weights of a query. Asks for memory ahead if `ahead`.
template <size_t count, size_t vectors, class Element>
HWY_INLINE void add_values(const Stretch<Element>& values, size_t begin, size_t end, const Query* queries,
                           size_t first_weight, size_t column, bool ahead) {
  const F32 d;
  VF32 sums[count][vectors];
  const float* weight[count];
  for (size_t j = 0; j < count; ++j) {
    weight[j] = queries[j].weights + first_weight;
    for (size_t v = 0; v < vectors; ++v) {
      sums[j][v] = hn::LoadU(d, queries[j].partial + column + v * lanes);
    }
  }
  const Element* row = values.row(begin) + column;
  for (size_t p = begin; p < end; ++p, row += values.row_size()) {
    if (ahead) values.prefetch_behind(p);
    VF32 value[vectors];
    for (size_t v = 0; v < vectors; ++v) value[v] = load_element(row + v * lanes);
    for (size_t j = 0; j < count; ++j) {
      const VF32 w = hn::Set(d, weight[j][p]);
      for (size_t v = 0; v < vectors; ++v) sums[j][v] = hn::Add(sums[j][v], hn::Mul(w, value[v]));
    }
  }
  for (size_t j = 0; j < count; ++j) {
    for (size_t v = 0; v < vectors; ++v) {
      hn::StoreU(sums[j][v], d, queries[j].partial + column + v * lanes);
    }
  }
}

template <size_t count, class Element>
HWY_INLINE void add_value_rows(const Stretch<Element>& values, size_t begin, size_t end, const Query* queries,
                               size_t first_weight, bool ahead) {
  // With 16 lanes there are 32 registers, else 16.
  constexpr size_t vectors = lanes == 16 ? 4 : 2;
  size_t column = 0;
  for (; column + vectors * lanes <= values.row_size(); column += vectors * lanes) {
    add_values<count, vectors>(values, begin, end, queries, first_weight, column, ahead && column == 0);
  }
  for (; column < values.row_size(); column += lanes) {
    add_values<count, 1>(values, begin, end, queries, first_weight, column, ahead && column == 0);
  }
}

template <class Element>
HWY_INLINE void value_block(const Block& block) {
  const KeyValueHead& head = block.head;
  const size_t row_size = padded_dimension(head.head_dimension);
  for (size_t j = 0; j < block.count; ++j) {
    std::memset(block.queries[j].partial, 0, row_size * sizeof(float));
  }
  size_t first = 0, end = 0;
  for (size_t position = block.begin; position < block.end; position = end) {
    const size_t left_of_page = head.page_positions - position % head.page_positions;
    end = min_of(block.end, position + min_of(value_run, left_of_page));
    const Element* data = values_at<Element>(head, position);
    const Stretch<Element> values(data, end - position, row_size,
                                  end < block.end ? values_at<Element>(head, end) : data);
    while (block.queries[first].end <= position) ++first;
    const size_t weights = position - block.begin;
    for_each_tile(first, block.count, [&](auto tile, size_t j) HWY_ATTR {
      // A later row of a tile sees a few positions more, which it goes through alone.
      const Query* queries = block.queries + j;
      const size_t shared = min_of(queries[0].end, end) - position;
      add_value_rows<tile()>(values, 0, shared, queries, weights, j == first);
      for (size_t own = 1; own < tile(); ++own) {
        const size_t rest = min_of(queries[own].end, end) - position;
        if (rest > shared) add_value_rows<1>(values, shared, rest, queries + own, weights, false);
      }
    });
  }
}

template <class Element>
HWY_INLINE void attend_elements(const Block& block) {
  score_block<Element>(block);
  for (size_t j = 0; j < block.count; ++j) {
    const Query& query = block.queries[j];
    exponentials(query, query.begin - block.begin, query.end - block.begin, block.head.head_dimension);
  }
  value_block<Element>(block);
}

void attend_queries(const Block& block) {
  switch (block.head.element) {
    case CacheElement::f16: return attend_elements<uint16_t>(block);
    case CacheElement::f32: return attend_elements<float>(block);
  }
}

// Adds the partial results of `blocks` more blocks, in ascending order, to `combined` and `values`, which
// hold those of the blocks before.
void combine_blocks(const float* partials, size_t blocks, size_t head_dimension, Combined& combined,
                    float* values) {
  const F32 d;
  for (size_t block = 0; block < blocks; ++block) {
    const float* partial = partials + block * attention_partial_size(head_dimension);
    const Combined own = facts_of(partial, head_dimension);
    const float maximum = combined.maximum < own.maximum ? own.maximum : combined.maximum;
    const VF32 f = exp(hn::Set(d, combined.maximum - maximum)), g = exp(hn::Set(d, own.maximum - maximum));
    const VF32 total = hn::Add(hn::Mul(hn::Set(d, combined.total), f), hn::Mul(hn::Set(d, own.total), g));
    combined = {maximum, hn::GetLane(total)};
    for_each_vector(head_dimension, [&](size_t i, size_t count) HWY_ATTR {
      const VF32 before = load(values + i, count), more = hn::LoadU(d, partial + i);
      store(hn::Add(hn::Mul(before, f), hn::Mul(more, g)), values + i, count);
    });
  }
}

void divide_by_total(const float* values, float total, size_t head_dimension, float* output) {
  const VF32 divisor = hn::Set(F32(), total);
  for_each_vector(head_dimension, [&](size_t i, size_t count) HWY_ATTR {
    store(hn::Div(load(values + i, count), divisor), output + i, count);
  });
}

const AttentionCode& attention_code() {
  static constexpr AttentionCode code = {attend_queries, combine_blocks, divide_by_total};
  return code;
}

}  // namespace HWY_NAMESPACE
}  // namespace tern::runtime
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tern::runtime {

HWY_EXPORT(attention_code);

AttentionOps attention_ops(VectorLevel level) {
  return {&function_for(HWY_DISPATCH_TABLE(attention_code), level)()};
}

namespace {

// Queries first ... last of a group, by their index in it.
struct Seeing {
  size_t first = 0, last = 0;
};

// Block `block` for the queries first ... first + count, counted through all rows and heads; the partial
// result of query q goes to result_of(q). Returns which of them see the block: they follow one another, since
// both ends of what a row sees ascend with the rows.
template <class ResultOf>
Seeing attend_group(const AttentionCode& code, const KeyValueHead& cached, const AttentionRows& rows,
                    size_t block, size_t first, size_t count, const float* queries, const ResultOf& result_of,
                    float* scratch) {
  Query group[query_group];
  const size_t block_begin = block * attention_block, block_end = block_begin + attention_block;
  Seeing seeing;
  size_t seen = 0;
  for (size_t q = first; q < first + count; ++q) {
    const size_t row = q / rows.heads, head = q % rows.heads, position = rows.first_position + row;
    const size_t begin = max_of(first_seen(position, rows.window), block_begin);
    const size_t end = min_of(position + 1, block_end);
    if (end <= begin) {
      if (seen == 0) ++seeing.first;
      continue;
    }
    group[seen] = {.query = queries + row * rows.query_stride + head * cached.head_dimension,
                   .weights = scratch + seen * attention_block,
                   .partial = result_of(q),
                   .begin = begin,
                   .end = end};
    ++seen;
  }
  seeing.last = seeing.first + seen;
  if (seen > 0) {
    const size_t begin = group[0].begin / key_block * key_block;
    code.attend_queries({cached, begin, group[seen - 1].end, group, seen, rows.scale});
  }
  return seeing;
}

}  // namespace

size_t attention_scratch_size(size_t head_dimension) {
  return query_group * (attention_block + 2 * attention_partial_size(head_dimension));
}

void AttentionOps::block(const KeyValueHead& cached, const AttentionRows& rows, size_t block,
                         const float* queries, const AttentionPartials& partials, float* scratch) const {
  const size_t all = rows.rows * rows.heads;
  const auto result_of = [&](size_t q) {
    return partials.data + q / rows.heads * partials.row_stride + q % rows.heads * partials.head_stride;
  };
  for (size_t first = 0; first < all; first += query_group) {
    attend_group(*code, cached, rows, block, first, min_of(query_group, all - first), queries, result_of,
                 scratch);
  }
}

void AttentionOps::combine(const float* partials, size_t blocks, size_t head_dimension, float* output) const {
  Combined combined = facts_of(partials, head_dimension);
  std::memcpy(output, partials, head_dimension * sizeof(float));
  code->combine_blocks(partials + attention_partial_size(head_dimension), blocks - 1, head_dimension,
                       combined, output);
  code->divide_by_total(output, combined.total, head_dimension, output);
}

void AttentionOps::attend(const KeyValueHead& cached, const AttentionRows& rows, const float* queries,
                          float* output, size_t output_stride, float* scratch) const {
  const size_t head_dimension = cached.head_dimension, all = rows.rows * rows.heads;
  const size_t size = attention_partial_size(head_dimension);
  float* values = scratch + query_group * attention_block;
  float* partials = values + query_group * size;
  Combined combined[query_group];
  for (size_t first = 0; first < all; first += query_group) {
    const size_t count = min_of(query_group, all - first);
    const size_t last_position = rows.first_position + (first + count - 1) / rows.heads;
    const auto first_block_of = [&](size_t q) {
      return first_seen(rows.first_position + q / rows.heads, rows.window) / attention_block;
    };
    for (size_t block = first_block_of(first); block < attention_blocks(last_position + 1); ++block) {
      // The first block that a query sees needs no combining.
      const auto result_of = [&](size_t q) {
        return (block == first_block_of(q) ? values : partials) + (q - first) * size;
      };
      const Seeing seeing =
          attend_group(*code, cached, rows, block, first, count, queries, result_of, scratch);
      for (size_t j = seeing.first; j < seeing.last; ++j) {
        if (block == first_block_of(first + j))
          combined[j] = facts_of(values + j * size, head_dimension);
        else
          code->combine_blocks(partials + j * size, 1, head_dimension, combined[j], values + j * size);
      }
    }
    for (size_t j = 0; j < count; ++j) {
      const size_t row = (first + j) / rows.heads, head = (first + j) % rows.heads;
      code->divide_by_total(values + j * size, combined[j].total, head_dimension,
                            output + row * output_stride + head * head_dimension);
    }
  }
}

}  // namespace tern::runtime
#endif  // HWY_ONCE
