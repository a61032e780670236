/* What a C program does with a bundle called `demo`: looks a kernel up, reads its inputs from files, runs it in two
 * parts and writes its output.
 *
 *     demo FOLDER NAME           by the kernel's name
 *     demo FOLDER WEIGHT M N K   by the problem
 */
#define _POSIX_C_SOURCE 200809L
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t read_file(const char* folder, const char* name, void* to, size_t bytes) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE* file = fopen(path, "rb");
  const int64_t whole = file && fread(to, 1, bytes, file) == bytes;
  if (file) fclose(file);
  return whole;
}

/* Builds T and H from the file A, row by row. */
static int build_tables(const tern_tables* tables, const char* folder, void** built) {
  for (int64_t i = 0; i < tables->buffer_count; ++i) {
    if (posix_memalign(&built[i], 64, (size_t)tables->buffers[i].bytes)) return 0;
  }
  if (!read_file(folder, "A", built[0], (size_t)tables->buffers[0].bytes)) return 0;
  for (int64_t row = 0; row < tables->trips[0]; ++row) {
    const int64_t ranges[2] = {row, row + 1};
    tables->function(built, ranges);
  }
  return 1;
}

int main(int argc, char** argv) {
  const tern_kernel* kernel = argc == 3 ? demo_find_named(argv[2])
                                        : demo_find(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
  void *buffers[16], *built[3];
  int64_t ranges[16];
  char name[4096];
  if (!kernel) return 3;
  printf("%s %s\n", kernel->name, kernel->target);
  if (kernel->tables && !build_tables(kernel->tables, argv[1], built)) return 7;
  for (int64_t i = 0; i < kernel->buffer_count; ++i) {
    size_t bytes = (size_t)kernel->buffers[i].bytes;
    if (posix_memalign(&buffers[i], 64, bytes)) return 4;
    if (kernel->buffers[i].is_output) continue;
    if (strcmp(kernel->buffers[i].name, "T") == 0)
      memcpy(buffers[i], built[1], bytes);
    else if (strcmp(kernel->buffers[i].name, "H") == 0)
      memcpy(buffers[i], built[2], bytes);
    else if (!read_file(argv[1], kernel->buffers[i].name, buffers[i], bytes))
      return 5;
  }
  for (int64_t i = 1; i < kernel->loop_count; ++i) {
    ranges[2 * i] = 0;
    ranges[2 * i + 1] = kernel->trips[i];
  }
  for (int64_t half = 0; half < 2; ++half) {
    ranges[0] = half ? kernel->trips[0] / 2 : 0;
    ranges[1] = half ? kernel->trips[0] : kernel->trips[0] / 2;
    kernel->function(buffers, ranges);
  }
  for (int64_t i = 0; i < kernel->buffer_count; ++i) {
    if (!kernel->buffers[i].is_output) continue;
    snprintf(name, sizeof name, "%s/%s", argv[1], kernel->buffers[i].name);
    FILE* file = fopen(name, "wb");
    if (!file || fwrite(buffers[i], 1, (size_t)kernel->buffers[i].bytes, file) == 0) return 6;
    fclose(file);
  }
  return 0;
}
