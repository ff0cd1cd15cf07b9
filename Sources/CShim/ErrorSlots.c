// The texts of last errors, one per thread.
//
// 128 slots are static, so that a thread's first error needs no allocation; a pthread key releases a slot
// when its thread ends. The key is created on first use; taking a slot afterwards costs a few atomic
// operations (pthread_setspecific allocates only for keys from 32 on, in hosts with that many).
#include <pthread.h>
#include <string.h>

#include "allocation.h"
#include "internal.h"

enum { slots = 128 };
static char texts[slots][DENPA_ERROR_BYTES];
static uint64_t taken[slots / 64];
static char shared[DENPA_ERROR_BYTES] = "…";
static uint32_t key_and_one;

static void release(void *slot) {
  const size_t offset = (size_t)((char *)slot - texts[0]);
  denpa_thread.error = NULL;
  if ((uintptr_t)slot - (uintptr_t)texts >= sizeof texts) {
    denpa_plain_free(slot);
    return;
  }
  const size_t index = offset / DENPA_ERROR_BYTES;
  __atomic_fetch_and(&taken[index / 64], ~(UINT64_C(1) << index % 64), __ATOMIC_ACQ_REL);
}

// The key + 1, or 0 if the process has no keys left.
static uint32_t key(void) {
  uint32_t known = __atomic_load_n(&key_and_one, __ATOMIC_ACQUIRE);
  if (known) return known;
  pthread_key_t made;
  if (pthread_key_create(&made, release)) return 0;
  if (__atomic_compare_exchange_n(&key_and_one, &known, made + 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    return made + 1;
  }
  pthread_key_delete(made);
  return known;
}

static char *claim(void) {
  for (size_t word = 0; word < slots / 64; word++) {
    uint64_t bits = __atomic_load_n(&taken[word], __ATOMIC_RELAXED);
    while (~bits) {
      const int bit = __builtin_ctzll(~bits);
      if (__atomic_compare_exchange_n(&taken[word], &bits, bits | UINT64_C(1) << bit, 0, __ATOMIC_ACQ_REL,
                                      __ATOMIC_RELAXED)) {
        return texts[word * 64 + (size_t)bit];
      }
    }
  }
  return denpa_plain_malloc(DENPA_ERROR_BYTES);
}

char *denpa_shim_error_slot(void) {
  char *slot = denpa_thread.error;
  if (slot) return slot;
  // Without a key the slot would never be released.
  const uint32_t known = key();
  slot = known ? claim() : NULL;
  if (!slot) return shared;
  slot[0] = 0;
  denpa_thread.error = slot;
  if (pthread_setspecific(known - 1, slot)) {
    release(slot);
    return shared;
  }
  return slot;
}

void denpa_shim_error_write(const void *text, size_t length) {
  char *slot = denpa_shim_error_slot();
  if (slot == shared) return;
  if (length > DENPA_ERROR_BYTES - 1) length = DENPA_ERROR_BYTES - 1;
  memcpy(slot, text, length);
  // A name from a file may contain zero bytes, which would end the message.
  for (char *zero = slot; (zero = memchr(zero, 0, (size_t)(slot + length - zero))) != NULL;) *zero = '?';
  slot[length] = 0;
}
