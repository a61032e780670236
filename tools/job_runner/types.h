// What job_table.h, which `tern tune --export-job` writes, is made of.
#pragma once

#include <cstdint>

namespace tern::job {

// How groups of weights become bytes: codes for one or several weights, or the bytes of one number.
struct Packing {
  int weights_per_group, bytes_per_group, weights_per_code;
  int code_bits;            // 0: the group is one number, lowest byte first
  int first_bit, bit_step;  // code i of a byte begins at first_bit + i * bit_step
  bool high_bits;           // the highest bit of code i is bit i of the group's last byte
  // Of codes for trits: the code of each run of them, by the run as a number of that base, first trit first,
  // of digits 0, 1, 2, and of i2 3. Null: a code is what Value::stored says.
  int base;
  const uint8_t* codes;
};

// A digit of a position: (x % modulus) / divisor, x being n or k; modulus 0: all of it.
struct Factor {
  char axis;
  int64_t modulus, divisor;
  int64_t stride;  // in weights
};

// Where weights lie. Groups whose first bytes lie together make a plane.
struct Layout {
  const Packing* packing;
  int64_t plane_weights;
  const Factor* factors;
  int factor_count;
};

// What a weight may be. `stored` is 0, 1, 2, 3 for trits and i2 -1, 0, 1, 2, else the code or the bytes of
// the number.
struct Value {
  float value;
  uint32_t stored;
};

enum class Scaling { none, tensor, row, group };

struct Candidate {
  int64_t kernel;  // its place in the bundle
  const char* recipe;
  const Layout* weights;
  const Layout* scales;  // null: weights have none of groups
  int shared_loop;       // the parallel loop that threads share out; -1: one thread does all
};

// The candidates for one number of rows of one matrix shape, the default kernel first.
struct Bucket {
  int64_t m, n, k;
  bool quantized;            // activations are i8, sums exact
  Scaling scaling;           // of the weights
  int64_t scale_group;       // inputs
  bool f16_scales;           // of groups
  int64_t activation_group;  // inputs; 0: activations are scaled by row
  const Value* values;
  int value_count;
  int64_t a_stride, c_stride;  // elements from row to row
  const Candidate* candidates;
  int candidate_count;
};

// Whether the CPU and the system claim a feature.
struct Claim {
  const char* feature;
  bool (*claimed)();
};

}  // namespace tern::job
