// The allocator's hooks and the per-thread error text.
//
// Swift aborts the process when an allocation fails. The library is therefore linked with --wrap on the
// malloc family (link.txt): a failed allocation is served from a static reserve and sets the thread's failure
// flag. The engine checks the flag where it can roll back, and returns DENPA_OUT_OF_MEMORY. In programs
// linked without --wrap (Swift's tests), only denpa_shim_allocate counts and can be made to fail.
#ifndef DENPA_SHIM_ALLOCATION_H
#define DENPA_SHIM_ALLOCATION_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

// Memory for tensors, never from the reserve; NULL if there is none. `alignment` is a power of two ≥ 8.
void *denpa_shim_allocate(size_t size, size_t alignment);
void denpa_shim_free(void *pointer);

// The same for a small block, which shares no cache line: blocks that a thread allocates one after another begin
// at addresses that follow each other modulo the page size. A processor that compares the lower 12 bits of
// addresses treats a load as dependent on a store at the same place of another page; where weights, gradients
// and values of a small network collided by chance, a step took up to 12 % longer. Free `*allocation`.
void *denpa_shim_allocate_apart(size_t size, void **allocation);

// Makes allocations of the calling thread fail: the `first` from now on (1 is the next) and the following
// `count` − 1; a negative count: all from there on; first = 0: none.
void denpa_shim_fail_allocations(int64_t first, int64_t count);

// While `prefers` is 1, allocations of the calling thread are served from the reserve; they do not count and
// are not made to fail. If the reserve is exhausted, they are served as usual.
void denpa_shim_prefer_reserve(int32_t prefers);

// The number of allocations so far: of the calling thread, and of all threads.
uint64_t denpa_shim_allocation_count(void);
uint64_t denpa_shim_allocation_count_of_all(void);

// Whether the reserve served the calling thread since the flag was last cleared.
int32_t denpa_shim_allocation_failed(void);
void denpa_shim_clear_allocation_failure(void);

#define DENPA_ERROR_BYTES 512
// The calling thread's DENPA_ERROR_BYTES for the text of its last error; initially "", never NULL. Once 128
// threads have one and memory has run out, the remaining threads share one text: see denpa_shim_error_write.
char *denpa_shim_error_slot(void);
// Stores a text (cut at DENPA_ERROR_BYTES − 1) in the calling thread's slot; leaves the shared one unchanged.
void denpa_shim_error_write(const void *text, size_t length);

#pragma GCC visibility pop

#endif
