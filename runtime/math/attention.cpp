#include "runtime/math/attention.h"

#include "runtime/math/sum_tree.h"

// Highway includes this file once for every instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/math/attention.cpp"
#include "hwy/foreach_target.h"
#include "runtime/math/vector_math-inl.h"

#ifndef TERN_RUNTIME_ATTENTION_CPP_ONCE
#define TERN_RUNTIME_ATTENTION_CPP_ONCE
namespace tern::runtime {

// Queries that go through the cache together. A group shares what it brings into the innermost cache; a tile
// of a group shares what it brings into registers.
inline constexpr size_t query_group = 16;
inline constexpr size_t query_tile = 4;
// Positions whose values are used by the whole group before the next ones: they stay in the innermost cache.
inline constexpr size_t value_block = 64;

constexpr size_t round_up(size_t count, size_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// One query of a group. Scores become the weights exp(score - max) in place.
struct Query {
  const float* query;
  float* output;
  float* weights;      // a multiple of key_block floats
  float* accumulator;  // the padded head dimension
  size_t length;       // the positions it sees
  float total;         // of the weights
};

}  // namespace tern::runtime
#endif

HWY_BEFORE_NAMESPACE();
namespace tern::runtime {
namespace HWY_NAMESPACE {

// `lanes` elements of the cache as f32.
HWY_INLINE VF32 load_element(const float* p) {
  return hn::LoadU(F32(), p);
}
HWY_INLINE VF32 load_element(const uint16_t* p) {
  return load_f16(p);
}

// Scores of `count` queries for the positions of one key block.
template <size_t count, class Element>
HWY_INLINE void score_block(const Element* keys, size_t head_dimension, const Query* queries, size_t position,
                            float scale) {
  const F32 d;
  constexpr size_t vectors = 2;  // side by side, so that additions need not wait for each other
  for (size_t offset = 0; offset < key_block; offset += vectors * lanes) {
    VF32 sums[count][vectors];
    for (auto& sum : sums) sum[0] = sum[1] = hn::Zero(d);
    const Element* key = keys + offset;
    for (size_t i = 0; i < head_dimension; ++i, key += key_block) {
      const VF32 k0 = load_element(key), k1 = load_element(key + lanes);
      for (size_t j = 0; j < count; ++j) {
        const VF32 q = hn::Set(d, queries[j].query[i]);
        sums[j][0] = hn::Add(sums[j][0], hn::Mul(q, k0));
        sums[j][1] = hn::Add(sums[j][1], hn::Mul(q, k1));
      }
    }
    for (size_t j = 0; j < count; ++j) {
      float* scores = queries[j].weights + position + offset;
      hn::StoreU(hn::Mul(sums[j][0], hn::Set(d, scale)), d, scores);
      hn::StoreU(hn::Mul(sums[j][1], hn::Set(d, scale)), d, scores + lanes);
    }
  }
}

// Turns scores into weights; the positions up to `padded` that the query does not see weigh nothing.
void softmax(Query& query, size_t padded) {
  const F32 d;
  float* weights = query.weights;
  VF32 largest = hn::Set(d, weights[0]);
  for_each_vector(query.length, [&](size_t i, size_t count) HWY_ATTR {
    VF32 scores = hn::LoadU(d, weights + i);
    if (count < lanes) scores = hn::IfThenElse(hn::FirstN(d, count), scores, largest);
    largest = hn::IfThenElse(hn::Lt(largest, scores), scores, largest);
  });
  float each[lanes];
  hn::StoreU(largest, d, each);
  float maximum = each[0];
  for (const float lane : each) maximum = lane > maximum ? lane : maximum;
  for_each_vector(query.length, [&](size_t i, size_t) HWY_ATTR {
    hn::StoreU(exp(hn::Sub(hn::LoadU(d, weights + i), hn::Set(d, maximum))), d, weights + i);
  });
  for (size_t i = query.length; i < padded; ++i) weights[i] = 0.0f;
  SumTree tree;
  for (size_t begin = 0; begin < query.length; begin += sum_block) {
    const size_t rest = query.length - begin;
    tree.add(
        block_sum(weights + begin, rest < sum_block ? rest : sum_block, [](VF32 v) HWY_ATTR { return v; }));
  }
  query.total = tree.total();
}

// Adds weight * value to the accumulators of `count` queries, for `vectors` vectors of the head dimension.
template <size_t count, size_t vectors, class Element>
HWY_INLINE void accumulate_tile(const Element* values, size_t row_size, const Query* queries, size_t begin,
                                size_t end, size_t column) {
  const F32 d;
  VF32 sums[count][vectors];
  for (size_t j = 0; j < count; ++j) {
    for (size_t v = 0; v < vectors; ++v) {
      sums[j][v] = hn::LoadU(d, queries[j].accumulator + column + v * lanes);
    }
  }
  for (size_t position = begin; position < end; ++position) {
    const Element* row = values + position * row_size + column;
    VF32 value[vectors];
    for (size_t v = 0; v < vectors; ++v) value[v] = load_element(row + v * lanes);
    for (size_t j = 0; j < count; ++j) {
      const VF32 weight = hn::Set(d, queries[j].weights[position]);
      for (size_t v = 0; v < vectors; ++v) sums[j][v] = hn::Add(sums[j][v], hn::Mul(weight, value[v]));
    }
  }
  for (size_t j = 0; j < count; ++j) {
    for (size_t v = 0; v < vectors; ++v) {
      hn::StoreU(sums[j][v], d, queries[j].accumulator + column + v * lanes);
    }
  }
}

template <size_t count, class Element>
HWY_INLINE void accumulate_block(const Element* values, size_t row_size, const Query* queries, size_t begin,
                                 size_t end) {
  // With 16 lanes there are 32 registers, else 16.
  constexpr size_t vectors = lanes == 16 ? 4 : 2;
  size_t column = 0;
  for (; column + vectors * lanes <= row_size; column += vectors * lanes) {
    accumulate_tile<count, vectors>(values, row_size, queries, begin, end, column);
  }
  for (; column < row_size; column += lanes) {
    accumulate_tile<count, 1>(values, row_size, queries, begin, end, column);
  }
}

// Calls body(tile, first) for tiles of a group's queries, where tile is an integral constant: their number.
template <class Body>
HWY_INLINE void for_each_tile(size_t queries, const Body& body) {
  size_t first = 0;
  for (; first + query_tile <= queries; first += query_tile) {
    body(std::integral_constant<size_t, query_tile>(), first);
  }
  for (; first < queries; ++first) body(std::integral_constant<size_t, 1>(), first);
}

template <class Element>
void attend_group(const Element* keys, const Element* values, size_t head_dimension, Query* queries,
                  size_t count, float scale) {
  const size_t length = queries[count - 1].length;  // the longest: queries are in order of position
  for (size_t position = 0; position < length; position += key_block) {
    for_each_tile(count, [&](auto tile, size_t first) HWY_ATTR {
      score_block<tile()>(keys + position * head_dimension, head_dimension, queries + first, position, scale);
    });
  }
  for (size_t j = 0; j < count; ++j) softmax(queries[j], length);

  const size_t row_size = round_up(head_dimension, value_padding);
  for (size_t j = 0; j < count; ++j) std::memset(queries[j].accumulator, 0, row_size * sizeof(float));
  for (size_t begin = 0; begin < length; begin += value_block) {
    const size_t end = begin + value_block < length ? begin + value_block : length;
    for_each_tile(count, [&](auto tile, size_t first) HWY_ATTR {
      accumulate_block<tile()>(values, row_size, queries + first, begin, end);
    });
  }
  for (size_t j = 0; j < count; ++j) {
    const VF32 total = hn::Set(F32(), queries[j].total);
    for_each_vector(head_dimension, [&](size_t i, size_t n) HWY_ATTR {
      store(hn::Div(hn::LoadU(F32(), queries[j].accumulator + i), total), queries[j].output + i, n);
    });
  }
}

void attend_f16(const void* keys, const void* values, size_t head_dimension, Query* queries, size_t count,
                float scale) {
  attend_group(static_cast<const uint16_t*>(keys), static_cast<const uint16_t*>(values), head_dimension,
               queries, count, scale);
}

void attend_f32(const void* keys, const void* values, size_t head_dimension, Query* queries, size_t count,
                float scale) {
  attend_group(static_cast<const float*>(keys), static_cast<const float*>(values), head_dimension, queries,
               count, scale);
}

}  // namespace HWY_NAMESPACE
}  // namespace tern::runtime
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tern::runtime {

HWY_EXPORT(attend_f16);
HWY_EXPORT(attend_f32);

size_t attention_scratch_size(size_t head_dimension, size_t positions) {
  return query_group * (round_up(positions, key_block) + round_up(head_dimension, value_padding));
}

void attention(const CachedHead& cached, const AttentionRows& rows, const float* queries, float* output,
               float* scratch) {
  const size_t head_dimension = cached.head_dimension;
  const size_t longest = round_up(rows.first_position + rows.rows, key_block);
  const size_t accumulator_size = round_up(head_dimension, value_padding);
  const size_t total = rows.rows * rows.heads;
  for (size_t begin = 0; begin < total; begin += query_group) {
    const size_t count = total - begin < query_group ? total - begin : query_group;
    Query group[query_group];
    for (size_t j = 0; j < count; ++j) {
      const size_t row = (begin + j) / rows.heads, head = (begin + j) % rows.heads;
      float* own = scratch + j * (longest + accumulator_size);
      group[j] = {.query = queries + row * rows.query_stride + head * head_dimension,
                  .output = output + row * rows.output_stride + head * head_dimension,
                  .weights = own,
                  .accumulator = own + longest,
                  .length = rows.first_position + row + 1,
                  .total = 0.0f};
    }
    switch (cached.element) {
      case CacheElement::f16:
        HWY_DYNAMIC_DISPATCH(attend_f16)
        (cached.keys, cached.values, head_dimension, group, count, rows.scale);
        break;
      case CacheElement::f32:
        HWY_DYNAMIC_DISPATCH(attend_f32)
        (cached.keys, cached.values, head_dimension, group, count, rows.scale);
        break;
    }
  }
}

}  // namespace tern::runtime
#endif  // HWY_ONCE
