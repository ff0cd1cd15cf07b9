// The hooks of the malloc family; see allocation.h.
#define _GNU_SOURCE
#include "allocation.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

__thread struct denpa_thread denpa_thread;
_Static_assert(sizeof(struct denpa_thread) <= 128, "initial-exec TLS is scarce");

static uint64_t allocations_of_all;

// What the names meant before --wrap; each must be in link.txt. Weak, because nothing defines them in a
// program linked without it.
#pragma weak __real_malloc
#pragma weak __real_calloc
#pragma weak __real_realloc
#pragma weak __real_free
#pragma weak __real_posix_memalign
#pragma weak __real_malloc_usable_size
#pragma weak __real__ZnwmRKSt9nothrow_t
#pragma weak __real__ZnamRKSt9nothrow_t
#pragma weak __real__ZnwmSt11align_val_tRKSt9nothrow_t
#pragma weak __real__ZdlPv
#pragma weak __cxa_get_globals
#pragma weak __real__ZdaPv
#pragma weak __real__ZdlPvSt11align_val_t
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void __real_free(void *);
int __real_posix_memalign(void **, size_t, size_t);
size_t __real_malloc_usable_size(void *);
void *__real__ZnwmRKSt9nothrow_t(size_t, const void *);
void *__real__ZnamRKSt9nothrow_t(size_t, const void *);
void *__real__ZnwmSt11align_val_tRKSt9nothrow_t(size_t, size_t, const void *);
void __real__ZdlPv(void *);
void *__cxa_get_globals(void);
void __real__ZdaPv(void *);
void __real__ZdlPvSt11align_val_t(void *, size_t);

static void count(void) {
  denpa_thread.allocations++;
  __atomic_fetch_add(&allocations_of_all, 1, __ATOMIC_RELAXED);
}

int denpa_count_and_ask(void) {
  struct denpa_thread *thread = &denpa_thread;
  if (thread->prefers_reserve) return 1;
  count();
  if (thread->fail_first == 0) return 0;
  if (thread->fail_first > 1) {
    thread->fail_first--;
    return 0;
  }
  if (thread->fail_count > 0 && --thread->fail_count == 0) thread->fail_first = 0;
  return 1;
}

static void *from_reserve(size_t size, size_t alignment) {
  void *pointer = denpa_reserve_allocate(size, alignment);
  if (!denpa_thread.prefers_reserve) {
    denpa_thread.failed = 1;
  } else if (!pointer) {
    count();
    if (__real_posix_memalign(&pointer, alignment, size)) return NULL;
  }
  return pointer;
}

void denpa_shim_prefer_reserve(int32_t prefers) { denpa_thread.prefers_reserve = prefers; }

void *__wrap_malloc(size_t size) {
  void *pointer = denpa_count_and_ask() ? NULL : __real_malloc(size);
  return pointer ? pointer : from_reserve(size, 16);
}

void *__wrap_calloc(size_t count, size_t size) {
  void *pointer = denpa_count_and_ask() ? NULL : __real_calloc(count, size);
  if (pointer) return pointer;
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  pointer = from_reserve(bytes, 16);
  return pointer ? memset(pointer, 0, bytes) : NULL;
}

void __wrap_free(void *pointer) {
  if (denpa_reserve_owns(pointer)) {
    denpa_reserve_free(pointer);
  } else {
    __real_free(pointer);
  }
}

size_t __wrap_malloc_usable_size(void *pointer) {
  return denpa_reserve_owns(pointer) ? denpa_reserve_usable_size(pointer) : __real_malloc_usable_size(pointer);
}

void *__wrap_realloc(void *pointer, size_t size) {
  if (!pointer) return __wrap_malloc(size);
  if (size == 0) {
    __wrap_free(pointer);
    return NULL;
  }
  const int fails = denpa_count_and_ask();
  const int moves = denpa_reserve_owns(pointer);
  void *result = fails ? NULL : moves ? __real_malloc(size) : __real_realloc(pointer, size);
  if (result && !moves) return result;
  if (!result) result = from_reserve(size, 16);
  if (!result) return NULL;
  const size_t old = __wrap_malloc_usable_size(pointer);
  memcpy(result, pointer, old < size ? old : size);
  __wrap_free(pointer);
  return result;
}

int __wrap_posix_memalign(void **pointer, size_t alignment, size_t size) {
  int status = denpa_count_and_ask() ? ENOMEM : __real_posix_memalign(pointer, alignment, size);
  if (status != ENOMEM) return status;
  void *result = from_reserve(size, alignment);
  if (!result) return ENOMEM;
  *pointer = result;
  return 0;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  void *pointer = NULL;
  if (alignment < sizeof pointer) alignment = sizeof pointer;
  return __wrap_posix_memalign(&pointer, alignment, size) ? NULL : pointer;
}

char *__wrap_strdup(const char *text) {
  const size_t bytes = strlen(text) + 1;
  char *copy = __wrap_malloc(bytes);
  return copy ? memcpy(copy, text, bytes) : NULL;
}

// operator new: calls the non-throwing variant, which uses the host's operator new if it has one.
static const char nothrow;

// Whether operator new may be called. On failure even the non-throwing variant throws internally, and a
// thread's first throw makes the C library allocate thread-local memory, which aborts the process if there is
// none. That allocation is made in advance, after checking that there is memory.
static int new_is_safe(size_t size) {
  if (denpa_thread.can_throw) return 1;
  void *probe = __real_malloc(size < SIZE_MAX - 65536 ? size + 65536 : size);
  if (!probe) return 0;
  __real_free(probe);
  __cxa_get_globals();
  denpa_thread.can_throw = 1;
  return 1;
}

void *__wrap__ZnwmRKSt9nothrow_t(size_t size, const void *tag) {
  (void)tag;
  void *pointer = denpa_count_and_ask() || !new_is_safe(size) ? NULL : __real__ZnwmRKSt9nothrow_t(size, &nothrow);
  return pointer ? pointer : from_reserve(size, 16);
}
void *__wrap__ZnamRKSt9nothrow_t(size_t size, const void *tag) {
  (void)tag;
  void *pointer = denpa_count_and_ask() || !new_is_safe(size) ? NULL : __real__ZnamRKSt9nothrow_t(size, &nothrow);
  return pointer ? pointer : from_reserve(size, 16);
}
void *__wrap__Znwm(size_t size) { return __wrap__ZnwmRKSt9nothrow_t(size, &nothrow); }
void *__wrap__Znam(size_t size) { return __wrap__ZnamRKSt9nothrow_t(size, &nothrow); }
void *__wrap__ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void *tag) {
  (void)tag;
  void *pointer = denpa_count_and_ask() || !new_is_safe(size)
                      ? NULL
                      : __real__ZnwmSt11align_val_tRKSt9nothrow_t(size, alignment, &nothrow);
  return pointer ? pointer : from_reserve(size, alignment);
}
void *__wrap__ZnwmSt11align_val_t(size_t size, size_t alignment) {
  return __wrap__ZnwmSt11align_val_tRKSt9nothrow_t(size, alignment, &nothrow);
}

void __wrap__ZdlPv(void *pointer) {
  if (denpa_reserve_owns(pointer)) {
    denpa_reserve_free(pointer);
  } else {
    __real__ZdlPv(pointer);
  }
}
void __wrap__ZdaPv(void *pointer) {
  if (denpa_reserve_owns(pointer)) {
    denpa_reserve_free(pointer);
  } else {
    __real__ZdaPv(pointer);
  }
}
void __wrap__ZdlPvm(void *pointer, size_t size) { (void)size, __wrap__ZdlPv(pointer); }
void __wrap__ZdaPvm(void *pointer, size_t size) { (void)size, __wrap__ZdaPv(pointer); }
void __wrap__ZdlPvSt11align_val_t(void *pointer, size_t alignment) {
  if (denpa_reserve_owns(pointer)) {
    denpa_reserve_free(pointer);
  } else {
    __real__ZdlPvSt11align_val_t(pointer, alignment);
  }
}
void __wrap__ZdlPvmSt11align_val_t(void *pointer, size_t size, size_t alignment) {
  (void)size, __wrap__ZdlPvSt11align_val_t(pointer, alignment);
}

void *denpa_plain_malloc(size_t size) { return __real_malloc ? __real_malloc(size) : malloc(size); }
void denpa_plain_free(void *pointer) {
  if (__real_free) {
    __real_free(pointer);
  } else {
    free(pointer);
  }
}

void *denpa_shim_allocate(size_t size, size_t alignment) {
  void *pointer = NULL;
  // More than an address space; sanitizers would abort rather than return an error.
  if (denpa_count_and_ask() || size > (size_t)1 << 47) return NULL;
  const int status = __real_posix_memalign ? __real_posix_memalign(&pointer, alignment, size)
                                           : posix_memalign(&pointer, alignment, size);
  return status ? NULL : pointer;
}

void denpa_shim_free(void *pointer) { denpa_plain_free(pointer); }

void *denpa_shim_allocate_apart(size_t size, void **allocation) {
  const size_t page = 4096;
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return *allocation = denpa_shim_allocate(size, 64);  // Room beside the block would hide overruns.
#endif
#endif
  char *block = denpa_shim_allocate(size + page, 64);
  *allocation = block;
  if (!block) return NULL;
  char *result = block + ((denpa_thread.place - (uintptr_t)block) & (page - 1));
  denpa_thread.place = (denpa_thread.place + ((size + 63) & ~(size_t)63)) & (page - 1);
  return result;
}

void denpa_shim_fail_allocations(int64_t first, int64_t count) {
  denpa_thread.fail_first = first > 0 && count != 0 ? first : 0;
  denpa_thread.fail_count = count;
}

uint64_t denpa_shim_allocation_count(void) { return denpa_thread.allocations; }
uint64_t denpa_shim_allocation_count_of_all(void) { return __atomic_load_n(&allocations_of_all, __ATOMIC_RELAXED); }
int32_t denpa_shim_allocation_failed(void) { return denpa_thread.failed; }
void denpa_shim_clear_allocation_failure(void) { denpa_thread.failed = 0; }
