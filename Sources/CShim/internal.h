// Shared among the C files.
#ifndef DENPA_SHIM_INTERNAL_H
#define DENPA_SHIM_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

// All thread-local state. Initial-exec TLS: accessing it calls nothing, and in particular no allocator. A
// library loaded with dlopen must fit the C library's small surplus for this, so it stays below 128 bytes.
struct denpa_thread {
  uint64_t allocations;
  int64_t fail_first;  // The next allocation to fail, counted from 1; 0: none
  int64_t fail_count;  // The number that fail from there; negative: all
  char *error;         // The error slot; NULL until first used
  int32_t failed;      // Set when the reserve served an allocation
  int32_t can_throw;   // Set when the C++ library can throw in this thread without allocating
  int32_t prefers_reserve;  // Set while the reserve is asked first
  size_t place;        // Where in a page the next block of denpa_shim_allocate_apart begins
};
extern __thread struct denpa_thread denpa_thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

#define DENPA_INTERNAL __attribute__((visibility("hidden")))

// Reserve.c. NULL if the reserve is exhausted too.
DENPA_INTERNAL void *denpa_reserve_allocate(size_t size, size_t alignment);
DENPA_INTERNAL void denpa_reserve_free(void *pointer);
DENPA_INTERNAL size_t denpa_reserve_usable_size(const void *pointer);
DENPA_INTERNAL int denpa_reserve_owns(const void *pointer);

// Allocation.c. Counts an allocation and returns whether it must fail.
DENPA_INTERNAL int denpa_count_and_ask(void);
// The C library's memory, neither counted nor made to fail.
DENPA_INTERNAL void *denpa_plain_malloc(size_t size);
DENPA_INTERNAL void denpa_plain_free(void *pointer);

#endif
