// Replaces parts of Swift's runtime that Denpa does not need, so that the linker omits them.
#include <stddef.h>
#include <stdint.h>

#include "internal.h"

// The runtime's crash reporter reads the environment when it is loaded and may install signal handlers, but a
// process's crashes are its host's business. Swift's start-up object refers to the function only to pull it
// in; the code for fatal errors checks the settings. All zeros mean off, whatever the layout.
DENPA_INTERNAL _Bool _swift_backtrace_isThunkFunction(const char *name) {
  (void)name;
  return 0;
}
DENPA_INTERNAL const uint64_t _swift_backtraceSettings[32];

// Omits half a megabyte of unused tables with the names of Unicode characters: Unicode.Scalar.Properties.name
// and .nameAlias are nil. Wrapped by link.txt.
DENPA_INTERNAL intptr_t __wrap__swift_stdlib_getScalarName(uint32_t scalar, uint8_t *buffer, intptr_t capacity) {
  (void)scalar, (void)buffer, (void)capacity;
  return 0;
}
DENPA_INTERNAL const char *__wrap__swift_stdlib_getNameAlias(uint32_t scalar) {
  (void)scalar;
  return NULL;
}

// The runtime is not compiled with ThreadSanitizer, which therefore misses that a global's initialization
// happens before its use. In builds with it (scripts/sanitize.py wraps the function) this says so.
#if __has_feature(thread_sanitizer)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
void __real_swift_once(intptr_t *predicate, void (*body)(void *), void *context);

struct once {
  intptr_t *predicate;
  void (*body)(void *);
  void *context;
};

static void run_once(void *context) {
  const struct once *once = context;
  once->body(once->context);
  __tsan_release(once->predicate);
}

DENPA_INTERNAL void __wrap_swift_once(intptr_t *predicate, void (*body)(void *), void *context) {
  struct once once = {predicate, body, context};
  __real_swift_once(predicate, run_once, &once);
  __tsan_acquire(predicate);
}
#endif
