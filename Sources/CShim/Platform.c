#define _GNU_SOURCE
#include "platform.h"

#include <pthread.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

int32_t denpa_cpu_level(void) {
  const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;
  const unsigned avx2 = 1u << 5, bmi1 = 1u << 3, bmi2 = 1u << 8;
  const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;  // F, DQ, CD, BW, VL
  const unsigned f16c = 1u << 29, movbe = 1u << 22, lzcnt = 1u << 5;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  const unsigned wanted = fma | osxsave | avx | f16c | movbe;
  if ((c & wanted) != wanted) return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 0x06) != 0x06) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  // -march=haswell lets the compiler use BMI and LZCNT as well.
  if ((b & (avx2 | bmi1 | bmi2)) != (avx2 | bmi1 | bmi2)) return 0;
  const unsigned features = b;
  if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !(c & lzcnt)) return 0;
  if ((features & avx512) != avx512 || (low & 0xE6) != 0xE6) return 1;
  return 2;
}
#else
int32_t denpa_cpu_level(void) { return 0; }
#endif

int32_t denpa_affinity_cpu_count(void) {
  // A direct call: glibc's wrapper refuses masks of fewer bits than there are CPUs. Room for 65,536 CPUs.
  unsigned long mask[1024];
  const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
  int32_t count = 0;
  for (long word = 0; word < bytes / (long)sizeof *mask; word++) count += __builtin_popcountl(mask[word]);
  return count > 0 ? count : 1;
}

// Where each of the pool's helpers was last seen: its CPU's number + 1; 0: not yet, or not since moved.
static struct {
  int32_t thread;
  int32_t place;
} denpa_workers[DENPA_WORKERS];

void denpa_worker_begins(uint32_t number) {
  if (number < 1 || number > DENPA_WORKERS) return;
  __atomic_store_n(&denpa_workers[number - 1].place, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&denpa_workers[number - 1].thread, (int32_t)syscall(SYS_gettid), __ATOMIC_RELAXED);
}

void denpa_worker_is_here(uint32_t number) {
  if (number < 1 || number > DENPA_WORKERS) return;
  __atomic_store_n(&denpa_workers[number - 1].place, sched_getcpu() + 1, __ATOMIC_RELEASE);
}

void denpa_forget_workers(void) {
  for (uint32_t i = 0; i < DENPA_WORKERS; i++) __atomic_store_n(&denpa_workers[i].place, 0, __ATOMIC_RELAXED);
}

void denpa_keep_workers_off(uint32_t count) {
  static uint64_t last;
  const int32_t own = sched_getcpu();
  if (own < 0) return;
  for (uint32_t i = 0; i < count && i < DENPA_WORKERS; i++) {
    if (__atomic_load_n(&denpa_workers[i].place, __ATOMIC_ACQUIRE) != own + 1) continue;
    const uint64_t now = denpa_nanoseconds();
    if (now - __atomic_load_n(&last, __ATOMIC_RELAXED) < 1000000) return;
    __atomic_store_n(&last, now, __ATOMIC_RELAXED);
    const int saved = errno;
    unsigned long mask[1024];
    const unsigned long bits = 8 * sizeof *mask;
    const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    if (bytes > own / 8) {
      mask[(unsigned long)own / bits] &= ~(1ul << (unsigned long)own % bits);
      // Refused if no CPU is left, or by a sandbox; the helper then stays where it is.
      (void)syscall(SYS_sched_setaffinity, __atomic_load_n(&denpa_workers[i].thread, __ATOMIC_RELAXED), bytes, mask);
    }
    errno = saved;
    __atomic_store_n(&denpa_workers[i].place, 0, __ATOMIC_RELAXED);
  }
}

uint64_t denpa_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void denpa_futex_wait(void *word, uint32_t expected, int64_t nanoseconds) {
  const int saved = errno;
  struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nanoseconds < 0 ? NULL : &limit, NULL, 0);
  errno = saved;
}

void denpa_futex_wake(void *word, int32_t count) {
  const int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
  errno = saved;
}

static __thread int32_t denpa_jobs __attribute__((tls_model("initial-exec")));

int32_t denpa_in_job(void) { return denpa_jobs; }

void denpa_set_in_job(int32_t inside) { denpa_jobs = inside; }

void denpa_name_worker(uint32_t number) {
  char name[16];
  snprintf(name, sizeof name, "denpa-%u", number % 100000);
  prctl(PR_SET_NAME, name, 0, 0, 0);
}

void denpa_advise_huge_pages(void *start, uint64_t size) {
  const int saved = errno;
  madvise(start, size, MADV_HUGEPAGE);
  errno = saved;
}

void *denpa_pool_memory(void) {
  static _Alignas(64) unsigned char memory[DENPA_POOL_BYTES];
  return memory;
}

void *denpa_handle_memory(void) {
  static _Alignas(64) unsigned char memory[DENPA_HANDLE_BYTES];
  return memory;
}

uint32_t denpa_fork_generation_word;

static void count_fork(void) { __atomic_add_fetch(&denpa_fork_generation_word, 1, __ATOMIC_RELAXED); }

void denpa_count_forks(void) {
  static uint32_t registered;
  if (!__atomic_exchange_n(&registered, 1, __ATOMIC_ACQ_REL)) pthread_atfork(NULL, NULL, count_fork);
}
