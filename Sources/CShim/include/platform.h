// What Swift cannot ask the machine by itself.
#ifndef DENPA_SHIM_PLATFORM_H
#define DENPA_SHIM_PLATFORM_H

#include <stdint.h>

// Not part of the library's interface, though the names would fit.
#pragma GCC visibility push(hidden)

// 0: baseline; 1: AVX2 and FMA; 2: also AVX-512 F, BW, DQ, VL and CD; each only if the system saves the registers.
int32_t denpa_cpu_level(void);

// The CPUs that this thread may run on, at least 1.
int32_t denpa_affinity_cpu_count(void);

// The CPUs that the cgroup's quota (v2 cpu.max or v1 cpu.cfs_quota_us, the tightest of all ancestors) pays for, rounded
// up; 0 without a quota. `root` is put in front of /proc and /sys: "" but in tests.
int32_t denpa_cgroup_cpu_count(const char *root);
// Likewise of this process, read from its files once: 60 µs. A child keeps what its parent knew.
int32_t denpa_cgroup_cpu_limit(void);

// A monotonic clock, in nanoseconds; no system call on x86-64 and arm64.
uint64_t denpa_nanoseconds(void);

// How many forks lie between the first process and this one: a lock that was taken before the last fork by a thread that did not
// come along is nobody's. Counting begins at the first call of denpa_count_forks.
extern uint32_t denpa_fork_generation_word;
void denpa_count_forks(void);
static inline uint32_t denpa_fork_generation(void) { return __atomic_load_n(&denpa_fork_generation_word, __ATOMIC_RELAXED); }

// Sleeps while the word is `expected`, at most about `nanoseconds` (negative: for ever). May return early.
void denpa_futex_wait(void *word, uint32_t expected, int64_t nanoseconds);
// Wakes up to `count` sleepers.
void denpa_futex_wake(void *word, int32_t count);

// Where the pool's helpers 1 … DENPA_WORKERS are. Linux wakes a thread on the CPU of whoever wakes it more often than one would
// think, and leaves the two there together for milliseconds: half of the pool's time in bad minutes.
#define DENPA_WORKERS 255
// The calling thread is helper `number` from now on.
void denpa_worker_begins(uint32_t number);
// Notes the CPU that helper `number`, the calling thread, is on.
void denpa_worker_is_here(uint32_t number);
// Sends those of the first `count` helpers that were last seen on the calling thread's CPU to the other CPUs that the calling thread
// may use; at most once a millisecond.
void denpa_keep_workers_off(uint32_t count);
// In a forked child: the numbers are those of the parent's threads.
void denpa_forget_workers(void);

// Whether the calling thread is running chunks of the pool's job.
int32_t denpa_in_job(void);
void denpa_set_in_job(int32_t inside);

// Names the calling thread "denpa-<number>".
void denpa_name_worker(uint32_t number);

// Asks for huge pages; a refusal is no failure.
void denpa_advise_huge_pages(void *start, uint64_t size);

// The thread's floating-point control and sticky status flags in one number: MXCSR, or FPCR << 32 | FPSR. In
// assembly: of a function that reads the register by the compiler's own intrinsic LLVM concludes that it depends
// on nothing, and lets one call stand for before and after.
static inline uint64_t denpa_fp_state(void) {
#if defined(__x86_64__)
  uint32_t control;
  __asm__ volatile("stmxcsr %0" : "=m"(control));
  return control;
#elif defined(__aarch64__)
  uint64_t control, status;
  __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control), "=r"(status));
  return control << 32 | (status & 0xFFFFFFFF);
#else
#error "unknown processor"
#endif
}

static inline void denpa_fp_set_state(uint64_t state) {
#if defined(__x86_64__)
  const uint32_t control = (uint32_t)state;
  __asm__ volatile("ldmxcsr %0" : : "m"(control) : "memory");
#elif defined(__aarch64__)
  uint64_t control = state >> 32, status = state & 0xFFFFFFFF;
  __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" : : "r"(control), "r"(status));
#endif
}

// Round to nearest, every exception masked, subnormal numbers kept; sticky flags clear.
static inline uint64_t denpa_fp_canonical(void) {
#if defined(__x86_64__)
  return 0x1F80;
#else
  return 0;
#endif
}

// Whether a state is the canonical one but for its sticky flags.
static inline _Bool denpa_fp_is_canonical(uint64_t state) {
#if defined(__x86_64__)
  return (state & ~UINT64_C(0x3F)) == denpa_fp_canonical();
#else
  return state >> 32 == denpa_fp_canonical();
#endif
}

// The thread pool's memory: static, so that it needs neither an allocation nor a lazy global. Zero at the start.
#define DENPA_POOL_BYTES (448 + 64 * (DENPA_WORKERS + 1))
void *denpa_pool_memory(void);

// The handle table's memory: counters and the directory of chunks. Zero at the start.
#define DENPA_HANDLE_BYTES (256 + 1024 * 8)
void *denpa_handle_memory(void);

#pragma GCC visibility pop

#endif
