// Guard mode: memory bounded by inaccessible pages. For the tests (docs/design.md, "How it is tested");
// chosen by environment variables that are read once.
#ifndef DENPA_SHIM_GUARD_H
#define DENPA_SHIM_GUARD_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

// DENPA_GUARD=1: every buffer ends at an inaccessible page, and the tensors of a plan share no memory.
int32_t denpa_guard_mode(void);
// DENPA_OBSERVE=1: plans are compiled without fusion and without shared memory.
int32_t denpa_observe_mode(void);

// The page size in bytes.
size_t denpa_guard_page_size(void);
// `size` bytes, a multiple of 64, that end at an inaccessible page and follow another; NULL if there is no
// memory. Counted and made to fail like other allocations.
void *denpa_guard_allocate(size_t size);
void denpa_guard_free(void *start, size_t size);
// Makes the page that begins at `page` inaccessible.
void denpa_guard_forbid(void *page);

#pragma GCC visibility pop

#endif
