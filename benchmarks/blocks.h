/* The protocol of the programs that measure: see benchmarks/README.md.
 *
 * A program prints "ready". Then for each line of input, the seconds that a block shall take, it measures one block and prints
 * the microseconds of one unit of its work.
 */
#ifndef DENPA_BENCHMARKS_BLOCKS_H
#define DENPA_BENCHMARKS_BLOCKS_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* Does at least `count` units of work; answers how many they were. */
typedef int64_t (*block_work)(int64_t count);

static double block_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double block_seconds(block_work work, int64_t count) {
  const double start = block_now();
  const int64_t done = work(count);
  return (block_now() - start) / (double)done;
}

static int block_serve(block_work work) {
  /* How long one unit takes: doubled until it can be told from the clock's own noise. */
  int64_t count = 1;
  double unit = block_seconds(work, count);
  while (unit * (double)count < 0.01) unit = block_seconds(work, count *= 2);
  puts("ready");
  fflush(stdout);
  double seconds;
  while (scanf("%lf", &seconds) == 1) {
    /* Other programs ran meanwhile: a tenth of the block brings code and data back into the caches, untimed. */
    unit = block_seconds(work, (int64_t)(0.1 * seconds / unit) + 1);
    unit = block_seconds(work, (int64_t)(seconds / unit) + 1);
    printf("%.5f\n", unit * 1e6);
    fflush(stdout);
  }
  return 0;
}

#endif
