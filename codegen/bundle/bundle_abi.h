/* What a bundle is: kernels that were compiled ahead of time, as data of a program. Plain C. `tern compile`
 * copies this file into each header that it writes, so every change of these structures needs another number
 * here. */
#ifndef TERN_BUNDLE_ABI
#define TERN_BUNDLE_ABI 2

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

/* Builds the look-up tables T and H of activations A. Kernels of equal m and k with the same tables share
 * them. */
typedef struct tern_tables {
  uint64_t program_hash;
  const tern_buffer* buffers; /* A, T and H */
  int64_t buffer_count;
  const int64_t* trips;
  int64_t loop_count;
  tern_function function;
} tern_tables;

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
  const tern_tables* tables; /* null for a kernel that reads none */
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

#elif TERN_BUNDLE_ABI != 2
#error "headers of bundles that different versions of Tern made cannot be included together"
#endif
