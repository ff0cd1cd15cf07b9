// Access to the machine that Swift lacks.
#ifndef DENPA_SHIM_PLATFORM_H
#define DENPA_SHIM_PLATFORM_H

#include <stdint.h>

// Not part of the library's interface, although the names look like it.
#pragma GCC visibility push(hidden)

// 0: baseline; 1: AVX2 and FMA; 2: AVX-512 F, BW, DQ, VL and CD too; each only if the OS saves the registers.
int32_t denpa_cpu_level(void);

// The number of CPUs this thread may run on, at least 1.
int32_t denpa_affinity_cpu_count(void);

// The number of CPUs allowed by the cgroup's quota (v2 cpu.max or v1 cpu.cfs_quota_us, the tightest of all
// ancestors), rounded up; 0 without a quota. `root` is prepended to /proc and /sys; "" except in tests.
int32_t denpa_cgroup_cpu_count(const char *root);
// The same for this process, read from its files once (60 µs). A forked child keeps its parent's value.
int32_t denpa_cgroup_cpu_limit(void);

// A monotonic clock, in nanoseconds; no system call on x86-64 and arm64.
uint64_t denpa_nanoseconds(void);

// The number of forks between the first process and this one: a lock taken before the last fork by a thread
// that does not exist in the child has no owner. Counting begins at the first call of denpa_count_forks.
extern uint32_t denpa_fork_generation_word;
void denpa_count_forks(void);
static inline uint32_t denpa_fork_generation(void) { return __atomic_load_n(&denpa_fork_generation_word, __ATOMIC_RELAXED); }

// Sleeps while the word is `expected`, at most about `nanoseconds` (negative: no limit). May end early.
void denpa_futex_wait(void *word, uint32_t expected, int64_t nanoseconds);
// Wakes up to `count` sleepers.
void denpa_futex_wake(void *word, int32_t count);

// The CPUs of the pool's helpers 1 … DENPA_WORKERS. Linux often wakes a thread on its waker's CPU and leaves
// the two together for milliseconds, which at worst costs half of the pool's time.
#define DENPA_WORKERS 255
// Declares the calling thread to be helper `number`.
void denpa_worker_begins(uint32_t number);
// Records the CPU that helper `number`, the calling thread, is on.
void denpa_worker_is_here(uint32_t number);
// Moves those of the first `count` helpers that were last seen on the calling thread's CPU to the other CPUs
// the calling thread may use; at most once a millisecond.
void denpa_keep_workers_off(uint32_t count);
// For a forked child, in which the recorded numbers are those of the parent's threads.
void denpa_forget_workers(void);

// Whether the calling thread is running chunks of the pool's job.
int32_t denpa_in_job(void);
void denpa_set_in_job(int32_t inside);

// Names the calling thread "denpa-<number>".
void denpa_name_worker(uint32_t number);

// Requests huge pages; a refusal is not an error.
void denpa_advise_huge_pages(void *start, uint64_t size);

// The thread's floating-point control and sticky status flags in one number: MXCSR, or FPCR << 32 | FPSR. In
// assembly, because LLVM assumes that the compiler's intrinsic for reading the register depends on nothing,
// and merges a read before with a read after.
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

// Whether a state is canonical apart from its sticky flags.
static inline _Bool denpa_fp_is_canonical(uint64_t state) {
#if defined(__x86_64__)
  return (state & ~UINT64_C(0x3F)) == denpa_fp_canonical();
#else
  return state >> 32 == denpa_fp_canonical();
#endif
}

// The thread pool's memory: static, so that it needs no allocation and no lazy global. Initially zero.
#define DENPA_POOL_BYTES (448 + 64 * (DENPA_WORKERS + 1))
void *denpa_pool_memory(void);

// The handle table's memory: counters and the directory of chunks. Initially zero.
#define DENPA_HANDLE_BYTES (256 + 1024 * 8)
void *denpa_handle_memory(void);

#pragma GCC visibility pop

#endif
