// The reserve: a static arena that serves Swift's allocations when the C library refuses them, and the texts
// of errors always.
//
// It is lock-free, so that a fork in the middle of an allocation leaves nothing locked in the child. Blocks
// are powers of two, cut from the arena once and then kept in one free list per size. Each block begins with
// its header; links are in the headers, so that a reader that loses a race never reads user data.
#include "internal.h"

#include "allocation.h"

enum { unit = 16, smallest = 32, classes = 19 };
#define ARENA_BYTES ((size_t)8 << 20)

struct header {
  uint32_t next;   // Number + 1 of the next free block, in units
  uint32_t class;  // The block has smallest << class bytes, header included
  uint32_t start;  // Where the block begins, in units; an aligned pointer is preceded by a copy of the header
  uint32_t unused;
};

static _Alignas(4096) unsigned char arena[ARENA_BYTES];
static uint64_t used;           // Bytes of the arena that have been cut into blocks
static uint64_t lists[classes];  // Tag << 32 | number + 1 of the first free block; the tag defeats ABA

static struct header *at(uint32_t number) { return (struct header *)(arena + (size_t)number * unit); }

static struct header *pop(int class) {
  uint64_t head = __atomic_load_n(&lists[class], __ATOMIC_ACQUIRE);
  while (head & UINT32_MAX) {
    struct header *block = at((uint32_t)(head & UINT32_MAX) - 1);
    const uint64_t next = __atomic_load_n(&block->next, __ATOMIC_RELAXED);
    const uint64_t desired = ((head >> 32) + 1) << 32 | next;
    if (__atomic_compare_exchange_n(&lists[class], &head, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return block;
  }
  return NULL;
}

static void push(struct header *block) {
  uint64_t *list = &lists[block->class];
  const uint64_t number = block->start + 1;
  uint64_t head = __atomic_load_n(list, __ATOMIC_ACQUIRE), desired;
  do {
    __atomic_store_n(&block->next, (uint32_t)(head & UINT32_MAX), __ATOMIC_RELAXED);
    desired = ((head >> 32) + 1) << 32 | number;
  } while (!__atomic_compare_exchange_n(list, &head, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

static struct header *cut(int class) {
  const uint64_t size = (uint64_t)smallest << class;
  uint64_t begin = __atomic_load_n(&used, __ATOMIC_RELAXED);
  do {
    if (size > ARENA_BYTES - begin) return NULL;
  } while (!__atomic_compare_exchange_n(&used, &begin, begin + size, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  struct header *block = at((uint32_t)(begin / unit));
  block->class = (uint32_t)class;
  block->start = (uint32_t)(begin / unit);
  return block;
}

void *denpa_reserve_allocate(size_t size, size_t alignment) {
  if (alignment < unit) alignment = unit;
  if (size > ARENA_BYTES || alignment > ARENA_BYTES) return NULL;
  const size_t bytes = sizeof(struct header) + size + (alignment - unit);
  int class = 0;
  while (class < classes && ((size_t)smallest << class) < bytes) class++;
  if (class == classes) return NULL;
  struct header *block = pop(class);
  if (!block) block = cut(class);
  // Wasting a large block is better than aborting.
  for (int larger = class + 1; !block && larger < classes; larger++) block = pop(larger);
  if (!block) return NULL;
  const uintptr_t first = (uintptr_t)(block + 1);
  const uintptr_t aligned = (first + alignment - 1) & ~(uintptr_t)(alignment - 1);
  if (aligned != first) {
    struct header *copy = (struct header *)aligned - 1;
    copy->class = block->class;
    copy->start = block->start;
  }
  return (void *)aligned;
}

int denpa_reserve_owns(const void *pointer) {
  return (uintptr_t)pointer - (uintptr_t)arena < ARENA_BYTES;
}

size_t denpa_reserve_usable_size(const void *pointer) {
  const struct header *header = (const struct header *)pointer - 1;
  const uintptr_t end = (uintptr_t)at(header->start) + ((uintptr_t)smallest << header->class);
  return end - (uintptr_t)pointer;
}

void denpa_reserve_free(void *pointer) {
  struct header *block = at(((struct header *)pointer - 1)->start);
  push(block);
}
