/* test.h: a test harness in one header. Valid as C11 and as C++17.
 *
 *   static void adds(void) { CHECK(1 + 1 == 2); }
 *   static const test_case tests[] = {{"adds", adds}};
 *   int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
 *
 * Each test runs in a process of its own, so that a crash or a hang is one failure and tests do not disturb one another.
 * With arguments, only the tests so named run; --list names all. The last line is "N passed, N failed".
 */
#ifndef TEST_H
#define TEST_H

#include <denpa.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))
#ifndef SECONDS_PER_TEST
#define SECONDS_PER_TEST 120
#endif

typedef struct test_case {
  const char *name;
  void (*run)(void);
} test_case;

static int test_failures; /* of this process */

/* Fails the test and goes on. */
#define CHECK(condition) test_check(!!(condition), __FILE__, __LINE__, #condition)
#define EQUAL(got, expected) test_equal((int64_t)(got), (int64_t)(expected), __FILE__, __LINE__, #got)
#define NEAR(got, expected, tolerance) test_near((got), (expected), (tolerance), __FILE__, __LINE__, #got)
#define STATUS(call, expected) test_status((call), (expected), __FILE__, __LINE__, #call)
/* Fails the test and ends it. */
#define OK(call)                                                                                                      \
  do {                                                                                                                \
    if (!test_status((call), DENPA_OK, __FILE__, __LINE__, #call)) test_end();                                        \
  } while (0)

static inline void test_check(int good, const char *file, int line, const char *what) {
  if (good) return;
  if (++test_failures <= 20) printf("    FAIL %s:%d: %s\n", file, line, what);
}

static inline void test_equal(int64_t got, int64_t expected, const char *file, int line, const char *what) {
  if (got == expected) return;
  if (++test_failures <= 20)
    printf("    FAIL %s:%d: %s: expected %" PRId64 ", got %" PRId64 "\n", file, line, what, expected, got);
}

static inline void test_near(double got, double expected, double tolerance, const char *file, int line, const char *what) {
  if (fabs(got - expected) <= tolerance) return;
  if (++test_failures <= 20) printf("    FAIL %s:%d: %s: expected %.17g, got %.17g\n", file, line, what, expected, got);
}

/* Any status but DENPA_OK must come with a sentence. */
static inline int test_status(denpa_status got, denpa_status expected, const char *file, int line, const char *what) {
  if (got == expected && (got == DENPA_OK || denpa_last_error()[0] != 0)) return 1;
  if (++test_failures <= 20)
    printf("    FAIL %s:%d: %s: expected %s, got %s: \"%s\"\n", file, line, what, denpa_status_name(expected),
           denpa_status_name(got), got == DENPA_OK ? "" : denpa_last_error());
  return 0;
}

/* A word that one thread sets and others look at. */
static inline void test_set(int *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELEASE); }
static inline int test_is_set(const int *flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE); }

/* In programs with AddressSanitizer (make sanitize), memory that nothing points to any more fails the test. With a sanitizer
 * a process takes more memory than it asks for. */
#define TEST_MEASURES_MEMORY 1
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef TEST_MEASURES_MEMORY
#define TEST_MEASURES_MEMORY 0
#endif
#if __has_feature(address_sanitizer)
#define TEST_LEAKS
#include <sanitizer/lsan_interface.h>
#endif
#endif

/* A list of one or two attributes (end with denpa_end()), valid until the next; in C++ DENPA_ATTRIBUTES would be no pointer. */
static inline const denpa_attribute *listed(denpa_attribute first, denpa_attribute second) {
  static denpa_attribute list[3];
  list[0] = first;
  list[1] = second;
  list[2] = denpa_end();
  return list;
}

static inline void test_end(void) {
#ifdef TEST_LEAKS
  CHECK(!__lsan_do_recoverable_leak_check());
#endif
  fflush(stdout);
  _exit(test_failures != 0);
}

static inline int test_wanted(const char *name, int argc, char **argv) {
  int i;
  for (i = 1; i < argc; i++)
    if (strcmp(argv[i], name) == 0) return 1;
  return argc < 2;
}

static inline int test_main(const test_case *tests, int count, int argc, char **argv) {
  int i, passed = 0, failed = 0;
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (i = 0; i < count; i++) printf("%s\n", tests[i].name);
    return 0;
  }
  for (i = 0; i < count; i++) {
    int status = 0;
    pid_t child;
    if (!test_wanted(tests[i].name, argc, argv)) continue;
    fflush(stdout);
    child = fork();
    if (child == 0) {
      alarm(SECONDS_PER_TEST);
      tests[i].run();
      test_end();
    }
    if (child > 0) waitpid(child, &status, 0);
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      passed++;
      printf("ok    %s\n", tests[i].name);
      continue;
    }
    failed++;
    printf("FAIL  %s", tests[i].name);
    if (WIFSIGNALED(status)) printf(": %s", strsignal(WTERMSIG(status)));
    printf("\n");
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}

#endif
