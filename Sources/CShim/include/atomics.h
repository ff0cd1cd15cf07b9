// Atomic operations on words at raw addresses: Swift 6's Atomic cannot be in memory that C and Swift share,
// and needs a newer runtime than the library's minimum.
//
// Loads acquire, stores release, and read-modify-writes do both and are sequentially consistent: the thread
// pool's sleep and wake-up depend on a single total order of its read-modify-writes and the loads after them.
#ifndef DENPA_SHIM_ATOMICS_H
#define DENPA_SHIM_ATOMICS_H

#include <stdint.h>

#define DENPA_ATOMICS(suffix, type)                                                                         \
  static inline type denpa_atomic_load_##suffix(const void *address) {                                      \
    return __atomic_load_n((const type *)address, __ATOMIC_ACQUIRE);                                        \
  }                                                                                                         \
  static inline type denpa_atomic_load_ordered_##suffix(const void *address) {                              \
    return __atomic_load_n((const type *)address, __ATOMIC_SEQ_CST);                                        \
  }                                                                                                         \
  static inline type denpa_atomic_load_relaxed_##suffix(const void *address) {                              \
    return __atomic_load_n((const type *)address, __ATOMIC_RELAXED);                                        \
  }                                                                                                         \
  static inline void denpa_atomic_store_##suffix(void *address, type value) {                               \
    __atomic_store_n((type *)address, value, __ATOMIC_RELEASE);                                             \
  }                                                                                                         \
  static inline type denpa_atomic_exchange_##suffix(void *address, type value) {                            \
    return __atomic_exchange_n((type *)address, value, __ATOMIC_SEQ_CST);                                   \
  }                                                                                                         \
  /* Writes `desired` and returns true if the word was `expected`. */                                       \
  static inline _Bool denpa_atomic_cas_##suffix(void *address, type expected, type desired) {               \
    return __atomic_compare_exchange_n((type *)address, &expected, desired, 0, __ATOMIC_SEQ_CST,            \
                                       __ATOMIC_ACQUIRE);                                                   \
  }

// These return the previous value.
#define DENPA_ATOMIC_ARITHMETIC(suffix, type)                                  \
  static inline type denpa_atomic_add_##suffix(void *address, type value) {    \
    return __atomic_fetch_add((type *)address, value, __ATOMIC_SEQ_CST);       \
  }                                                                            \
  static inline type denpa_atomic_sub_##suffix(void *address, type value) {    \
    return __atomic_fetch_sub((type *)address, value, __ATOMIC_SEQ_CST);       \
  }                                                                            \
  static inline type denpa_atomic_or_##suffix(void *address, type value) {     \
    return __atomic_fetch_or((type *)address, value, __ATOMIC_SEQ_CST);        \
  }

typedef void *denpa_shim_pointer;

DENPA_ATOMICS(u32, uint32_t)
DENPA_ATOMICS(u64, uint64_t)
DENPA_ATOMICS(pointer, denpa_shim_pointer)
DENPA_ATOMIC_ARITHMETIC(u32, uint32_t)
DENPA_ATOMIC_ARITHMETIC(u64, uint64_t)

#undef DENPA_ATOMICS
#undef DENPA_ATOMIC_ARITHMETIC

// Tells the CPU that this is a spin loop.
static inline void denpa_pause(void) {
#if defined(__x86_64__)
  __asm__ volatile("pause");
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

#endif
