// What the values of a matrix allow, and what weights can stand for others.
#include <gtest/gtest.h>

#include "runtime/tensor/narrow.h"
#include "runtime/tensor/operands.h"

namespace tern::runtime {
namespace {

using ir::Element;
using ir::Operand;
using ir::Scaling;

// A PQ2_0 matrix of two rows of 256 inputs: four blocks with these scales and the number 1 all over.
class Matrix {
 public:
  explicit Matrix(std::vector<float> scales, TensorType type = TensorType::pq2_0, int8_t number = 1)
      : record_(info(type)), bytes_(2 * row_bytes(record_, 256)) {
    std::vector<int8_t> numbers(256, number);
    for (size_t row = 0; row < 2; ++row)
      record_.write_numbers(
          numbers, std::span(scales).subspan(2 * row, 2),
          std::span(bytes_).subspan(row * row_bytes(record_, 256), row_bytes(record_, 256)));
    tensor = {.type = type, .n = 2, .k = 256, .data = bytes_, .weights = record_.weights};
    narrow(tensor);
  }

  std::vector<float> values(uint64_t row) const {
    std::vector<float> result(256);
    read_floats(tensor, row, result);
    return {result[0], result[128]};
  }

  Tensor tensor;

 private:
  const TensorTypeInfo& record_;
  std::vector<std::byte> bytes_;
};

TEST(Narrow, EqualScalesAreOne) {
  const Matrix matrix({0.5f, 0.5f, 0.5f, 0.5f});
  EXPECT_EQ(matrix.tensor.weights, (Operand{Element::trit, Scaling::tensor}));
  EXPECT_EQ(matrix.tensor.scale, 0.5f);
}

TEST(Narrow, ScalesThatAreEqualAlongRowsAreOneARow) {
  const Matrix matrix({0.5f, 0.5f, -2, -2});
  EXPECT_EQ(matrix.tensor.weights, (Operand{Element::trit, Scaling::row}));
  float scale = 0;
  read_scales(matrix.tensor, 1, {&scale, 1});
  EXPECT_EQ(scale, -2);
}

TEST(Narrow, BlocksOfScaleZeroAreZerosAndStandInNoWay) {
  const Matrix matrix({0, 0.5f, 0.5f, 0});
  EXPECT_EQ(matrix.tensor.weights, (Operand{Element::trit, Scaling::tensor}));
  EXPECT_EQ(matrix.values(0), (std::vector<float>{0, 0.5f}));
  EXPECT_EQ(matrix.values(1), (std::vector<float>{0.5f, 0}));
  const Matrix zeros({0, 0, 0, 0});
  EXPECT_EQ(zeros.tensor.scale, 0);
  EXPECT_EQ(zeros.values(1), (std::vector<float>{0, 0}));
}

TEST(Narrow, OtherScalesStay) {
  const Matrix matrix({0.5f, 0.25f, 0.5f, 0.5f});
  EXPECT_EQ(matrix.tensor.weights, (Operand{Element::trit, Scaling::group, 128, Element::f16}));
  EXPECT_EQ(matrix.values(0), (std::vector<float>{0.5f, 0.25f}));
  // Opposite signs are no equal scales.
  EXPECT_EQ(Matrix({0.5f, -0.5f, 0.5f, 0.5f}).tensor.weights.scaling, Scaling::group);
}

TEST(Narrow, TwosKeepTheWeightsWide) {
  EXPECT_EQ(Matrix({1, 1, 1, 1}, TensorType::pq2_0, 2).tensor.weights,
            (Operand{Element::i2, Scaling::tensor}));
}

TEST(Narrow, SignsHaveNoZero) {
  EXPECT_EQ(Matrix({1, 1, 1, 1}, TensorType::q1_0).tensor.weights, (Operand{Element::sign, Scaling::tensor}));
  EXPECT_EQ(Matrix({1, 1, 0, 1}, TensorType::q1_0).tensor.weights.scaling, Scaling::group);
}

TEST(Operands, StandForOthersWithoutLoss) {
  const Operand tensor = {Element::trit, Scaling::tensor}, row = {Element::i2, Scaling::row};
  const Operand g64 = {Element::trit, Scaling::group, 64, Element::f16};
  const Operand g256 = {Element::sign, Scaling::group, 256, Element::f16};
  EXPECT_EQ(common_operand(tensor, tensor), tensor);
  EXPECT_EQ(common_operand(tensor, row), row);
  EXPECT_EQ(common_operand(g64, g256), (Operand{Element::trit, Scaling::group, 64, Element::f16}));
  EXPECT_EQ(common_operand(g64, tensor), (Operand{Element::trit, Scaling::group, 64, Element::f32}));
  const Operand q4_0 = {Element::i4, Scaling::group, 32, Element::f16};
  EXPECT_EQ(common_operand(q4_0, g256), q4_0);
  EXPECT_EQ(common_operand(q4_0, tensor), (Operand{Element::i4, Scaling::group, 32, Element::f32}));
  const Operand f16 = {Element::f16, Scaling::none}, f32 = {Element::f32, Scaling::none};
  EXPECT_EQ(common_operand(f16, f16), f16);
  EXPECT_EQ(common_operand(f16, tensor), f32);
  EXPECT_EQ(dense_operand(tensor), (Operand{Element::i8, Scaling::group, 64, Element::f32}));
  EXPECT_EQ(dense_operand(g64), (Operand{Element::i8, Scaling::group, 64, Element::f32}));
  EXPECT_EQ(dense_operand(q4_0), (Operand{Element::i4, Scaling::group, 32, Element::f32}));
  EXPECT_EQ(dense_operand(f16), f16);
}

}  // namespace
}  // namespace tern::runtime
