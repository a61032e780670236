// A matrix product of random numbers whose result is known, to check kernels by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ir/kernel/kernel.h"
#include "ir/kernel/reference.h"
#include "ir/program/program.h"

namespace tern::autotune {

// For any number of rows: a few that differ are repeated. Of very many outputs the first and the last are
// known. Weights, scales and activations are the same for every kernel, packed as it wants them.
class CheckCase {
 public:
  // The problem's m does not matter.
  explicit CheckCase(const ir::Problem& problem);

  // The outputs that are known, ascending: all, or two ranges.
  struct Known {
    int64_t begin = 0, end = 0;
    int64_t before = 0;  // outputs that are known before these
    int64_t count() const { return end - begin; }
  };
  std::span<const Known> known() const { return known_; }

  // Packs the weights and their scales, for a kernel that takes them so, into cleared memory of the layout's
  // size. What belongs to outputs that are not known stays clear.
  void pack_weights(const ir::Layout& layout, std::byte* destination) const;
  void pack_scales(const ir::Layout& layout, std::byte* destination) const;

  // Fills another input, cleared before, for as many rows of activations as it has room for: of roles
  // activations, activation_sums, activation_scales, activation_factors and weight_scales. Others stay as
  // they are.
  void fill(const ir::Buffer& buffer, std::byte* destination) const;

  // Compares all outputs that are known of rows 0 to m - 1, bit for bit. An empty text if they are as they
  // should be, else which is not: "C[0,17] is 1.5 and should be 2".
  std::string compare(const float* c, int64_t m) const;

 private:
  void choose_trits();
  void choose_dense();
  void encode_dense_weights();
  void choose_group_scales();
  template <class T, class Stored>
  void pack_scales_as(const ir::Layout& layout, std::byte* destination, Stored stored) const;
  void fill_activation_sums(const ir::Buffer& buffer, int32_t* sums) const;
  void fill_activations(const ir::Buffer& buffer, std::byte* destination) const;
  void fill_weight_scales(float* scales) const;
  template <class T>
  void pack_dense_weights(const ir::Layout& layout, std::byte* destination) const;

  std::vector<Known> known_;
  ir::Problem problem_, small_;   // small_: of the outputs that are known, and the rows that differ
  ir::MatmulInputs inputs_;       // of small_
  std::vector<std::byte> dense_;  // the dense weights of small_ as they are stored; of i4, a byte each
  std::vector<float> expected_;   // [rows, outputs] of small_
};

}  // namespace tern::autotune
