// Guard mode; see guard.h.
#define _GNU_SOURCE
#include "guard.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

// 0: not read yet; 1: off; 2: on. Threads that race to read it find the same value.
static int32_t guard_state, observe_state;

static int32_t read_switch(int32_t *state, const char *name) {
  int32_t known = __atomic_load_n(state, __ATOMIC_RELAXED);
  if (known == 0) {
    const char *text = getenv(name);
    known = text && text[0] == '1' && text[1] == 0 ? 2 : 1;
    __atomic_store_n(state, known, __ATOMIC_RELAXED);
  }
  return known == 2;
}

int32_t denpa_guard_mode(void) { return read_switch(&guard_state, "DENPA_GUARD"); }
int32_t denpa_observe_mode(void) { return read_switch(&observe_state, "DENPA_OBSERVE"); }

size_t denpa_guard_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

// Rounds `size` up to whole pages.
static size_t pages(size_t size) {
  const size_t page = denpa_guard_page_size();
  return (size + page - 1) / page * page;
}

void *denpa_guard_allocate(size_t size) {
  if (denpa_count_and_ask() || size > (size_t)1 << 47) return NULL;
  const size_t page = denpa_guard_page_size(), inner = pages(size);
  char *region = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) return NULL;
  if (mprotect(region + page, inner, PROT_READ | PROT_WRITE) != 0) {
    munmap(region, inner + 2 * page);
    return NULL;
  }
  return region + page + inner - size;
}

void denpa_guard_free(void *start, size_t size) {
  const size_t page = denpa_guard_page_size(), inner = pages(size);
  munmap((char *)start + size - inner - page, inner + 2 * page);
}

void denpa_guard_forbid(void *page) { mprotect(page, denpa_guard_page_size(), PROT_NONE); }
