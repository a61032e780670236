#include "codegen/cost/assembly_census.h"

#include <gtest/gtest.h>

namespace tern::codegen {
namespace {

TEST(AssemblyCensus, CountsTheInnermostLoop) {
  const std::optional<AssemblyCensus> found = census(R"(	.text
	.globl	kernel
kernel:                                 # @kernel
	pushq	%rbx
	vmovups	%zmm1, 64(%rsp)                 # 64-byte Spill
.LBB0_1:                                # =>This Loop Header: Depth=1
	vpxor	%xmm0, %xmm0, %xmm0
	.p2align	4
.LBB0_2:                                #   Parent Loop BB0_1 Depth=1
	vmovdqa64	(%rdi), %zmm1
	vpandd	%zmm1, %zmm2, %zmm3
	vpandd	%zmm1, %zmm4, %zmm5
	{vex}	vpdpbusd	8(%rsp), %zmm3, %zmm0
	addq	$64, %rdi
	cmpq	%rsi, %rdi
	jne	.LBB0_2
	vmovups	%zmm0, (%rdx)
	decq	%rcx
	jne	.LBB0_1
	retq
)");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->instructions, 7);
  EXPECT_EQ(found->stack_accesses, 1);
  EXPECT_EQ(found->mnemonics.at("vpandd"), 2);
  EXPECT_EQ(found->mnemonics.at("vpdpbusd"), 1);
  EXPECT_EQ(found->mnemonics.count("vpxor"), 0u);
  EXPECT_EQ(print(*found), R"(innermost loop: 7 instructions, 1 of them access the stack
     2  vpandd
     1  addq
     1  cmpq
     1  jne
     1  vmovdqa64
     1  vpdpbusd
)");
}

TEST(AssemblyCensus, TakesTheLargestOfLoopsSideBySide) {
  const std::optional<AssemblyCensus> found =
      census(".L1:\n a\n jmp .L1\n.L2:\n b\n c\n jne .L2\n.L3:\n jne .L3\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->instructions, 3);
  EXPECT_EQ(found->mnemonics.count("c"), 1u);
}

TEST(AssemblyCensus, ReadsOtherArchitectures) {
  const std::optional<AssemblyCensus> arm = census(R"(
.LBB0_1:                                // %body
	ldr	q0, [x8, #16]
	str	q1, [sp, #-32]                  // 16-byte Folded Spill
	udot	v0.4s, v1.16b, v2.16b
	subs	x9, x9, #1
	b.ne	.LBB0_1
)");
  ASSERT_TRUE(arm);
  EXPECT_EQ(arm->instructions, 5);
  EXPECT_EQ(arm->stack_accesses, 1);
  const std::optional<AssemblyCensus> sve = census(R"(
	add	x9, sp, #32
.LBB0_1:
	ldr	z0, [x9, #1, mul vl]            // vscale x 16-byte Folded Reload
	ld1b	{ z1.b }, p0/z, [x10, x11]
	add	x8, sp, #16
	str	z1, [x8, #1, mul vl]            // vscale x 16-byte Folded Spill
	mov	x8, x10
	ldr	z2, [x8]
	addvl	x10, x10, #1
	b.ne	.LBB0_1
)");
  ASSERT_TRUE(sve);
  EXPECT_EQ(sve->instructions, 8);
  EXPECT_EQ(sve->stack_accesses, 2);
  const std::optional<AssemblyCensus> risc =
      census(".LBB0_1:\n\tlw\ta0, 8(sp)   # Reload\n\tbne\ta1, a2, .LBB0_1\n");
  ASSERT_TRUE(risc);
  EXPECT_EQ(risc->stack_accesses, 1);
  EXPECT_EQ(risc->instructions, 2);
}

TEST(AssemblyCensus, FindsNoLoopWhereThereIsNone) {
  EXPECT_FALSE(census(""));
  EXPECT_FALSE(census("f:\n\tjmp\t.L2\n.L2:\n\tretq"));
}

}  // namespace
}  // namespace tern::codegen
