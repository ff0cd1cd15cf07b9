// What the C files share among themselves.
#ifndef DENPA_SHIM_INTERNAL_H
#define DENPA_SHIM_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

// All that a thread has of its own. Initial-exec TLS: reading it calls nothing, above all no allocator; but a library
// that is loaded with dlopen must fit the small surplus that the C library keeps for this, so it stays below 128 bytes.
struct denpa_thread {
  uint64_t allocations;
  int64_t fail_first;  // The next allocation to fail, counted from 1; 0: none
  int64_t fail_count;  // How many fail from there; negative: all
  char *error;         // The error slot, once there is one
  int32_t failed;      // The reserve had to serve
  int32_t can_throw;   // The C++ library has what it needs to throw in this thread
};
extern __thread struct denpa_thread denpa_thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

#define DENPA_INTERNAL __attribute__((visibility("hidden")))

// Reserve.c. NULL when the reserve is used up too.
DENPA_INTERNAL void *denpa_reserve_allocate(size_t size, size_t alignment);
DENPA_INTERNAL void denpa_reserve_free(void *pointer);
DENPA_INTERNAL size_t denpa_reserve_usable_size(const void *pointer);
DENPA_INTERNAL int denpa_reserve_owns(const void *pointer);

// Allocation.c. Counts an allocation, and tells whether it is one that is to fail.
DENPA_INTERNAL int denpa_count_and_ask(void);
// Memory of the C library's own, neither counted nor made to fail.
DENPA_INTERNAL void *denpa_plain_malloc(size_t size);
DENPA_INTERNAL void denpa_plain_free(void *pointer);

#endif
