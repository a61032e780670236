/* What a C program does with a bundle called `demo`: looks a kernel up, reads its inputs from files, runs it
 * in two parts and writes its output.
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

/* Runs a preparation row by row; what it reads is in files. What it writes is kept by its names. */
static struct {
  const char* name;
  void* data;
} prepared[16];
static int prepared_count;

static int prepare(const tern_preparation* preparation, const char* folder) {
  void* buffers[16];
  for (int64_t i = 0; i < preparation->buffer_count; ++i) {
    const tern_buffer* buffer = &preparation->buffers[i];
    if (posix_memalign(&buffers[i], 64, (size_t)buffer->bytes)) return 0;
    if (buffer->is_output) {
      prepared[prepared_count].name = buffer->name;
      prepared[prepared_count++].data = buffers[i];
    } else if (!read_file(folder, buffer->name, buffers[i], (size_t)buffer->bytes)) {
      return 0;
    }
  }
  for (int64_t row = 0; row < preparation->trips[0]; ++row) {
    const int64_t ranges[2] = {row, row + 1};
    preparation->function(buffers, ranges);
  }
  return 1;
}

static const void* find_prepared(const char* name) {
  for (int i = 0; i < prepared_count; ++i) {
    if (strcmp(prepared[i].name, name) == 0) return prepared[i].data;
  }
  return 0;
}

int main(int argc, char** argv) {
  const tern_kernel* kernel =
      argc == 3 ? demo_find_named(argv[2]) : demo_find(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
  void* buffers[16];
  int64_t ranges[16];
  char name[4096];
  if (!kernel) return 3;
  printf("%s %s\n", kernel->name, kernel->target);
  for (int64_t i = 0; i < kernel->preparation_count; ++i) {
    if (!prepare(kernel->preparations[i], argv[1])) return 7;
  }
  for (int64_t i = 0; i < kernel->buffer_count; ++i) {
    size_t bytes = (size_t)kernel->buffers[i].bytes;
    if (posix_memalign(&buffers[i], 64, bytes)) return 4;
    if (kernel->buffers[i].is_output) continue;
    if (find_prepared(kernel->buffers[i].name))
      memcpy(buffers[i], find_prepared(kernel->buffers[i].name), bytes);
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
