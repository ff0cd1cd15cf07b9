/* Measures what the machine can do, for the floors of benchmarks/README.md.
 *
 *   machine_peak multiply-add THREADS     one unit: a million floating-point operations, on registers alone
 *   machine_peak memory THREADS           one unit: a million bytes read or written beyond the caches
 *
 * Measures blocks as blocks.h says. A multiply-add counts as two operations. The memory's loop is w += a*g, which reads w and g and
 * writes w, as an optimizer does: every line that is written was read before, so no hidden traffic goes uncounted.
 */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "blocks.h"

enum { MOST_THREADS = 64, ROUND = 1024, CHAINS = 12 };

/* Twelve sums hide the latency of two units (4 cycles each; 8 without FMA, where two instructions follow each other) and fit into sixteen
 * registers. They start alike, which the compiler must not know: it would keep one of them. Both loops are written once and compiled
 * for each instruction set. */
#if defined(__x86_64__)
#define HIDE(v) __asm__ volatile("" : "+x"(v))
#else
#define HIDE(v) __asm__ volatile("" : "+w"(v))
#endif
#define DEFINE_LOOPS(SET, TARGET, VECTOR, LANES, SPLAT, LOAD, STORE, ADD, FMA)                                                  \
  TARGET static float multiply_add_##SET(int64_t rounds, float start) {                                                        \
    const VECTOR x = SPLAT(start), y = SPLAT(start);                                                                           \
    VECTOR a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;                                 \
    HIDE(a); HIDE(b); HIDE(c); HIDE(d); HIDE(e); HIDE(f); HIDE(g); HIDE(h); HIDE(i); HIDE(j); HIDE(k); HIDE(l);                \
    for (int64_t round = 0; round < rounds; round++)                                                                           \
      for (int step = 0; step < ROUND; step++) {                                                                               \
        a = FMA(a, x, y), b = FMA(b, x, y), c = FMA(c, x, y), d = FMA(d, x, y), e = FMA(e, x, y), f = FMA(f, x, y);            \
        g = FMA(g, x, y), h = FMA(h, x, y), i = FMA(i, x, y), j = FMA(j, x, y), k = FMA(k, x, y), l = FMA(l, x, y);            \
      }                                                                                                                        \
    a = ADD(ADD(ADD(a, b), ADD(c, d)), ADD(ADD(e, f), ADD(g, h)));                                                             \
    a = ADD(a, ADD(ADD(i, j), ADD(k, l)));                                                                                     \
    float lanes[LANES];                                                                                                        \
    STORE(lanes, a);                                                                                                           \
    return lanes[0];                                                                                                           \
  }                                                                                                                            \
  TARGET static void sweep_##SET(float *w, const float *g, int64_t count, float factor) {                                      \
    const VECTOR a = SPLAT(factor);                                                                                            \
    for (int64_t i = 0; i < count; i += LANES) STORE(w + i, FMA(a, LOAD(g + i), LOAD(w + i)));                                 \
  }

typedef struct {
  int lanes;
  float (*multiply_add)(int64_t rounds, float start);
  void (*sweep)(float *w, const float *g, int64_t count, float factor);
} loops;

#if defined(__x86_64__)
#include <immintrin.h>
#define FMA_SSE2(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
DEFINE_LOOPS(sse2, , __m128, 4, _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, _mm_add_ps, FMA_SSE2)
DEFINE_LOOPS(avx2, __attribute__((target("avx2,fma"))), __m256, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps,
             _mm256_add_ps, _mm256_fmadd_ps)
DEFINE_LOOPS(avx512, __attribute__((target("avx512f"))), __m512, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps,
             _mm512_add_ps, _mm512_fmadd_ps)

static loops best(void) {
  if (__builtin_cpu_supports("avx512f")) return (loops){16, multiply_add_avx512, sweep_avx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return (loops){8, multiply_add_avx2, sweep_avx2};
  return (loops){4, multiply_add_sse2, sweep_sse2};
}
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#define FMA_NEON(a, b, c) vfmaq_f32(c, a, b)
DEFINE_LOOPS(neon, , float32x4_t, 4, vdupq_n_f32, vld1q_f32, vst1q_f32, vaddq_f32, FMA_NEON)

static loops best(void) { return (loops){4, multiply_add_neon, sweep_neon}; }
#else
#error "machine_peak.c knows x86-64 and arm64"
#endif

/* w and g of all threads: far beyond the caches of today's processors. */
static const int64_t elements = INT64_C(1) << 25;

static loops machine;
static int threads, of_memory;
static float *w, *g;

typedef struct {
  pthread_t thread;
  int number;
  int64_t repeats;
  float result; /* kept, so that the work cannot be left out */
} part;

static void *run(void *argument) {
  part *p = argument;
  if (!of_memory) {
    p->result = machine.multiply_add(p->repeats, 0.5f); /* x = x/2 + 1/2 stays at 1 */
    return NULL;
  }
  const int64_t share = elements / threads / 16 * 16, first = p->number * share;
  for (int64_t i = 0; i < p->repeats; i++) machine.sweep(w + first, g + first, share, 1e-6f);
  return NULL;
}

static int64_t work(int64_t count) {
  part parts[MOST_THREADS];
  /* millions of operations, or of bytes, that one repeat of all threads makes */
  const double each = of_memory ? (double)(elements / threads / 16 * 16 * threads) * 3 * sizeof(float) / 1e6
                                : 2.0 * CHAINS * ROUND * machine.lanes * threads / 1e6;
  const int64_t repeats = (int64_t)((double)count / each) + 1;
  int started = 0;
  for (int i = 0; i < threads; i++) {
    parts[i] = (part){.number = i, .repeats = repeats};
    if (i > 0 && pthread_create(&parts[i].thread, NULL, run, &parts[i]) != 0) break;
    started++;
  }
  if (started < threads) {
    fputs("machine_peak: cannot start a thread\n", stderr);
    exit(1);
  }
  run(&parts[0]);
  for (int i = 1; i < threads; i++) pthread_join(parts[i].thread, NULL);
  return (int64_t)((double)repeats * each + 0.5);
}

static float *array(void) {
  const size_t size = (size_t)elements * sizeof(float);
  float *values = aligned_alloc(1 << 21, size);
  if (values == NULL) {
    fputs("machine_peak: out of memory\n", stderr);
    exit(1);
  }
  madvise(values, size, MADV_HUGEPAGE); /* so that page tables are not what is measured */
  memset(values, 0, size);
  return values;
}

int main(int argc, char **argv) {
  threads = argc == 3 ? atoi(argv[2]) : 0;
  if (threads < 1 || threads > MOST_THREADS || (strcmp(argv[1], "multiply-add") != 0 && strcmp(argv[1], "memory") != 0)) {
    fputs("usage: machine_peak multiply-add|memory THREADS\n", stderr);
    return 2;
  }
  machine = best();
  of_memory = strcmp(argv[1], "memory") == 0;
  if (of_memory) w = array(), g = array();
  return block_serve(work);
}
