#include "peak.h"

#pragma clang fp contract(fast)

// As many chains as hide the latency of the operation (4 or 5 cycles) on two ports.
enum { CHAINS = 12 };

#define PEAK(NAME, T, BYTES, TARGET, REGISTER) \
  TARGET static int64_t NAME(int64_t steps) { \
    typedef T V __attribute__((vector_size(BYTES))); \
    V sums[CHAINS], a = (V){} + (T)0.5, b = (V){} + (T)1; \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < CHAINS; i++) sums[i] = b * (T)i; \
    for (int64_t step = 0; step < steps; step++) { \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < CHAINS; i++) { \
        sums[i] = sums[i] * a + b; \
        __asm__ volatile("" : "+" REGISTER(sums[i])); \
      } \
    } \
    return steps * CHAINS * 2 * (int64_t)(BYTES / sizeof(T)); \
  }

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f"), min_vector_width(512)))
#define AVX2 __attribute__((target("avx2,fma"), min_vector_width(256)))
PEAK(floats64, float, 64, AVX512, "v")
PEAK(doubles64, double, 64, AVX512, "v")
PEAK(floats32, float, 32, AVX2, "x")
PEAK(doubles32, double, 32, AVX2, "x")
PEAK(floats16, float, 16, , "x")
PEAK(doubles16, double, 16, , "x")
#else
PEAK(floats16, float, 16, , "w")
PEAK(doubles16, double, 16, , "w")
#endif

int64_t peak_run(int32_t bytes, int32_t is_double, int64_t steps) {
#if defined(__x86_64__)
  if (bytes == 64) return is_double ? doubles64(steps) : floats64(steps);
  if (bytes == 32) return is_double ? doubles32(steps) : floats32(steps);
#endif
  return is_double ? doubles16(steps) : floats16(steps);
}
