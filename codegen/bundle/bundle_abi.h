/* What a bundle is: kernels that were compiled ahead of time, as data of a program. Plain C. `tern compile`
 * copies this file into each header that it writes, so every change of these structures needs another number
 * here. */
#ifndef TERN_BUNDLE_ABI
#define TERN_BUNDLE_ABI 3

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs a part of a kernel: one pointer for each of its buffers, then begin and end of each of its parallel
 * loops. Threads may share the work by calling it at once with ranges that do not overlap. */
typedef void (*tern_function)(void* const* buffers, const int64_t* ranges);

typedef struct tern_buffer {
  const char* name;    /* what it holds: W, A, C ..., as the introduction of a header lists them */
  const char* element; /* u8, i8, i16, i32, f16, bf16 or f32 */
  int64_t elements;
  int64_t bytes;
  int64_t alignment; /* of the pointer, in bytes */
  int64_t is_output; /* 1 if the kernel writes it */
} tern_buffer;

/* Writes buffers that kernels read, from activations A: look-up tables T and H. What it writes serves all
 * kernels that have it, for the same activations. */
typedef struct tern_preparation {
  uint64_t program_hash;
  const tern_buffer* buffers;
  int64_t buffer_count;
  const int64_t* trips; /* of its one parallel loop, over rows */
  int64_t loop_count;
  tern_function function;
} tern_preparation;

typedef struct tern_kernel {
  const char* name;
  const char* target;
  const char* weight;    /* trit, i8, f16, bf16 or f32 */
  const char* text;      /* the whole kernel in Tern's own form, with the layout of W and S */
  int64_t m, n, k;       /* C[m,n] = sum over k of A[m,k] * W[n,k] */
  uint64_t hash;         /* of the text without the name */
  uint64_t program_hash; /* of the lowered form: buffers, loops and operations */
  const tern_buffer* buffers;
  int64_t buffer_count;
  const int64_t* trips; /* iterations of each parallel loop, outermost first */
  int64_t loop_count;
  tern_function function;
  const tern_preparation* const* preparations; /* in the order in which they run, before the kernel */
  int64_t preparation_count;                   /* 0 for most kernels */
} tern_kernel;

typedef struct tern_target {
  const char* name;
  const char* features; /* all that a CPU must have, with a space between them */
  int64_t vector_bits;
  const tern_kernel* kernels;
  int64_t kernel_count;
} tern_target;

typedef struct tern_bundle {
  int64_t abi;                /* TERN_BUNDLE_ABI */
  const char* generator;      /* what made it */
  const tern_target* targets; /* the most demanding first */
  int64_t target_count;
} tern_bundle;

#ifdef __cplusplus
}
#endif

#elif TERN_BUNDLE_ABI != 3
#error "headers of bundles that different versions of Tern made cannot be included together"
#endif
