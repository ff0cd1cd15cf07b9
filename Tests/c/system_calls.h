/* system_calls.h: every system call of a thread, seen and failed one by one. seccomp turns each call into a signal, whose
 * handler makes the call in its place or returns an error, so that none escapes, whoever makes it.
 *
 *   calls_watch();                                        (for the rest of the process)
 *   calls_begin(NULL); work(); calls_end();               calls.count calls were made: calls.number[0] ...
 *   calls_begin(&fault); work(); calls_end();             call number fault.at has failed if calls.injected
 */
#ifndef SYSTEM_CALLS_H
#define SYSTEM_CALLS_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* Makes a system call at the one address at which the filter lets calls pass. */
#ifdef __cplusplus
extern "C" {
#endif
long calls_make(long number, long a, long b, long c, long d, long e, long f);
extern const char calls_made[];
#ifdef __cplusplus
}
#endif
#if defined(__x86_64__)
__asm__(".text\n.globl calls_make, calls_made\ncalls_make:\n"
        "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nmov %rcx, %rdx\nmov %r8, %r10\nmov %r9, %r8\nmov 8(%rsp), %r9\n"
        "syscall\ncalls_made: ret\n");
#define CALLS_RESULT(m) (m).gregs[REG_RAX]
static inline long calls_argument(const mcontext_t *m, int i) {
  static const int where[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
  return (long)m->gregs[where[i]];
}
#elif defined(__aarch64__)
__asm__(".text\n.globl calls_make, calls_made\ncalls_make:\n"
        "mov x8, x0\nmov x0, x1\nmov x1, x2\nmov x2, x3\nmov x3, x4\nmov x4, x5\nmov x5, x6\nsvc #0\ncalls_made: ret\n");
#define CALLS_RESULT(m) (m).regs[0]
static inline long calls_argument(const mcontext_t *m, int i) { return (long)m->regs[i]; }
#endif

enum { CALLS_MOST = 1024 };
enum { CALLS_SHORT = -1, CALLS_NOTHING = -2 }; /* in the place of an error: half of the bytes; none of them */

/* What happens to call number `at`: an errno, CALLS_SHORT or CALLS_NOTHING. Calls for memory are counted apart, because what
 * malloc has kept makes a difference to them. */
typedef struct calls_fault {
  int at, error;
  int onwards; /* 1: to all calls after it, too */
  int memory;  /* 1: `at` counts the calls for memory */
} calls_fault;

static struct {
  volatile int on, count, memory_count, injected;
  calls_fault fault;
  long number[CALLS_MOST], third[CALLS_MOST], result[CALLS_MOST]; /* and third argument; of those that are not for memory */
} calls;

static inline int calls_is_memory(long number) {
  return number == SYS_mmap || number == SYS_munmap || number == SYS_mremap || number == SYS_brk || number == SYS_madvise ||
         number == SYS_mprotect;
}
static inline int calls_moves_bytes(long number) {
  return number == SYS_read || number == SYS_write || number == SYS_pread64 || number == SYS_pwrite64;
}

static inline void calls_handle(int signal, siginfo_t *info, void *context) {
  mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
  const long number = info->si_syscall, size = calls_argument(m, 2);
  const int memory = calls_is_memory(number), recorded = calls.on && !memory && calls.count < CALLS_MOST;
  long count = size, result = 0;
  int error = 0;
  (void)signal;
  if (calls.on) {
    const int at = memory ? calls.memory_count++ : calls.count;
    if (memory == calls.fault.memory && (at == calls.fault.at || (calls.fault.onwards && at > calls.fault.at))) {
      error = calls.fault.error;
      calls.injected++;
    }
  }
  if (error == CALLS_SHORT) count = size / 2 > 0 ? size / 2 : size;
  if (error == CALLS_NOTHING) count = 0;
  /* Syncing is left out, which nobody can notice and takes long. A descriptor is gone even if closing it fails. */
  if (number == SYS_fsync || number == SYS_fdatasync || (error > 0 && number != SYS_close))
    result = 0;
  else
    result = calls_make(number, calls_argument(m, 0), calls_argument(m, 1), calls_moves_bytes(number) ? count : size,
                        calls_argument(m, 3), calls_argument(m, 4), calls_argument(m, 5));
  if (error > 0) result = number == SYS_brk ? 0 : -error;
  if (recorded) {
    calls.number[calls.count] = number;
    calls.third[calls.count] = size;
    calls.result[calls.count++] = result;
  }
  CALLS_RESULT(*m) = result;
}

static inline struct sock_filter calls_instruction(uint16_t code, uint32_t k, uint8_t otherwise) {
  struct sock_filter result = {code, 0, otherwise, k};
  return result;
}
static inline struct sock_filter calls_load(size_t offset) { return calls_instruction(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0); }
static inline struct sock_filter calls_skip_unless(uint32_t value, uint8_t count) {
  return calls_instruction(BPF_JMP | BPF_JEQ | BPF_K, value, count);
}
static inline struct sock_filter calls_answer(uint32_t value) { return calls_instruction(BPF_RET | BPF_K, value, 0); }

/* Calls that belong to the handler itself or cannot fail are left alone. Returns 0 where there is no seccomp. */
static inline int calls_watch(void) {
  static const long free_calls[] = {SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigpending, SYS_sigaltstack, SYS_clone,
#ifdef SYS_clone3
                                    SYS_clone3,
#endif
                                    SYS_futex,        SYS_exit,           SYS_exit_group};
  enum { FREE = sizeof free_calls / sizeof free_calls[0] };
  const uint64_t address = (uint64_t)(uintptr_t)calls_made;
  struct sock_filter filter[2 * FREE + 7];
  struct sock_fprog program;
  struct sigaction action;
  unsigned short n = 0;
  int i;
  filter[n++] = calls_load(offsetof(struct seccomp_data, nr));
  for (i = 0; i < FREE; i++) {
    filter[n++] = calls_skip_unless((uint32_t)free_calls[i], 1);
    filter[n++] = calls_answer(SECCOMP_RET_ALLOW);
  }
  filter[n++] = calls_load(offsetof(struct seccomp_data, instruction_pointer));
  filter[n++] = calls_skip_unless((uint32_t)address, 3);
  filter[n++] = calls_load(offsetof(struct seccomp_data, instruction_pointer) + 4);
  filter[n++] = calls_skip_unless((uint32_t)(address >> 32), 1);
  filter[n++] = calls_answer(SECCOMP_RET_ALLOW);
  filter[n++] = calls_answer(SECCOMP_RET_TRAP);
  program.len = n;
  program.filter = filter;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = calls_handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGSYS, &action, NULL);
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static inline void calls_begin(const calls_fault *fault) {
  static const calls_fault none = {-1, 0, 0, 0};
  calls.fault = fault != NULL ? *fault : none;
  calls.count = calls.memory_count = calls.injected = 0;
  calls.on = 1;
}
static inline void calls_end(void) { calls.on = 0; }

#endif
