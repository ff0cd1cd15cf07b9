/* Times loading the library in a process that has loaded nothing of it: prints the microseconds of one dlopen.
 *
 *   load_time PATH
 */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: load_time PATH\n", stderr);
    return 2;
  }
  const double start = now();
  const void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  const double seconds = now() - start;
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  printf("%.1f\n", seconds * 1e6);
  return 0;
}
