#include "ir/program/buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/program/program.h"
#include "ir/program/verify_program.h"

namespace tern::ir {
namespace {

TEST(BufferRoles, ARowForEachInTheirOrder) {
  for (size_t i = 0; i < buffer_roles.size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(buffer_roles[i].role), i);
    EXPECT_EQ(role_named(buffer_roles[i].name), buffer_roles[i].role);
    EXPECT_EQ(buffer_roles[i].meaning.empty(), buffer_roles[i].role == BufferRole::none);
  }
  EXPECT_EQ(role_named("panel"), BufferRole::none);
}

TEST(BufferRoles, AreReadFromAText) {
  const Expected<Program> program = parse_program(
      "program @p { input W: u8[64] align 64 input asum: i32[1] align 4 input other: f32[1] align 4 output "
      "C: f32[4] align 4 scratch panel: u8[64] align 64 }");
  ASSERT_TRUE(program) << program.error().text();
  std::vector<BufferRole> roles;
  for (const Buffer& buffer : program->buffers) roles.push_back(buffer.role);
  EXPECT_THAT(roles, ::testing::ElementsAre(BufferRole::weights, BufferRole::activation_sums,
                                            BufferRole::none, BufferRole::output, BufferRole::none));
  EXPECT_EQ(parameters(*program).size(), 4u);
  EXPECT_EQ(parameter_index(*program, BufferRole::output), 3u);
  EXPECT_EQ(find_parameter(*program, BufferRole::gate), nullptr);
}

TEST(BufferRoles, NamesBelongToTheirRoles) {
  Program program;
  program.name = "p";
  program.buffers = {{"W", Element::u8, 64, 64}};
  EXPECT_TRUE(verify(program).empty());
  program.buffers[0].role = BufferRole::activations;
  ASSERT_EQ(verify(program).size(), 1u);
  EXPECT_EQ(verify(program)[0].message, "'W' is not the name of buffers with its role");
}

TEST(Arguments, AreThePointersOfTheParametersInTheirOrder) {
  Program program;
  program.name = "p";
  program.buffers = {{"W", Element::u8, 64, 64}, {"C", Element::f32, 4, 4, BufferKind::output}};
  program.buffers.push_back({"panel", Element::u8, 64, 64, BufferKind::scratch});
  int w = 0, c = 0;
  const Arguments arguments(
      program, [&](const Buffer& buffer) -> void* { return buffer.role == BufferRole::weights ? &w : &c; });
  EXPECT_THAT(std::span<void* const>(arguments), ::testing::ElementsAre(&w, &c));
}

TEST(Arguments, HaveRoomForEveryProgramThatVerifyAccepts) {
  Program program;
  program.name = "p";
  for (size_t i = 0; i < max_parameters; ++i)
    program.buffers.push_back({std::string("b").append(std::to_string(i)), Element::u8, 1, 1});
  EXPECT_TRUE(verify(program).empty());
  program.buffers.push_back({"one_more", Element::u8, 1, 1});
  ASSERT_EQ(verify(program).size(), 1u);
  EXPECT_EQ(verify(program)[0].message, "a program has at most 32 buffers that are not scratch");
}

}  // namespace
}  // namespace tern::ir
