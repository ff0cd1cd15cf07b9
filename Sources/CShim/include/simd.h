// What the kernels (Sources/DenpaKernels) need from the CPU and cannot express in Swift: selection by
// comparison, masked loads and stores, two-vector shuffles, the bits of floats. Every function is static
// inline, so that each kernel module compiles a copy for its instruction set (`-Xcc -march=…`) and none is
// visible outside.
#pragma once
#include <stdint.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define DENPA_SIMD_BYTES 64
#elif defined(__AVX2__)
#include <immintrin.h>
#define DENPA_SIMD_BYTES 32
#else
#define DENPA_SIMD_BYTES 16
#endif

#define DENPA_INLINE static inline __attribute__((always_inline))

typedef float denpa_f32 __attribute__((ext_vector_type(DENPA_SIMD_BYTES / 4)));
typedef int32_t denpa_i32 __attribute__((ext_vector_type(DENPA_SIMD_BYTES / 4)));
typedef uint32_t denpa_u32 __attribute__((ext_vector_type(DENPA_SIMD_BYTES / 4)));
typedef double denpa_f64 __attribute__((ext_vector_type(DENPA_SIMD_BYTES / 8)));
typedef int64_t denpa_i64 __attribute__((ext_vector_type(DENPA_SIMD_BYTES / 8)));
typedef denpa_f32 denpa_f32_loose __attribute__((aligned(4)));
typedef denpa_f64 denpa_f64_loose __attribute__((aligned(8)));
typedef uint64_t denpa_u64 __attribute__((ext_vector_type(DENPA_SIMD_BYTES / 8)));

// fma is one instruction if the CPU has it; otherwise the builtin would call libm, so the result is rounded
// twice instead. (addingProduct of Swift's SIMD types is a loop over lanes, which the optimizer only
// sometimes vectorizes.)
#if defined(__FMA__) || defined(__aarch64__)
#define DENPA_FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#else
#define DENPA_FMA(a, b, c) ((a) * (b) + (c))
#endif

// Comparisons are false if an operand is NaN: `max` and `min` then return their second operand.
//
// pow2(h) is 2^h for an integer h in the range of normal exponents: adding 1.5·2^(bits of the fraction) +
// bias leaves h + bias in the low bits. exponent and mantissa split a positive normal x into integer e and m
// in 1..<2.
#define DENPA_OPERATIONS(NAME, V, I, U, FRACTION, MAGIC, BIAS, EXPONENT_ZERO, ONE_BITS) \
  DENPA_INLINE V denpa_##NAME##_max(V a, V b) { return a > b ? a : b; } \
  DENPA_INLINE V denpa_##NAME##_min(V a, V b) { return a < b ? a : b; } \
  DENPA_INLINE V denpa_##NAME##_greater(V a, V b, V yes, V no) { return a > b ? yes : no; } \
  DENPA_INLINE V denpa_##NAME##_equal(V a, V b, V yes, V no) { return a == b ? yes : no; } \
  DENPA_INLINE _Bool denpa_##NAME##_has_nan(V a) { return __builtin_reduce_or((I)(a != a)) != 0; } \
  DENPA_INLINE V denpa_##NAME##_sqrt(V a) { return __builtin_elementwise_sqrt(a); } \
  DENPA_INLINE V denpa_##NAME##_fma(V a, V b, V c) { return DENPA_FMA(a, b, c); } \
  DENPA_INLINE V denpa_##NAME##_abs(V a) { return (V)((I)a & ~((I)(V)(-0.0))); } \
  DENPA_INLINE V denpa_##NAME##_copysign(V a, V sign) { return (V)((I)a | ((I)sign & (I)(V)(-0.0))); } \
  DENPA_INLINE V denpa_##NAME##_rounded(V x) { return (x + (V)(MAGIC)) - (V)(MAGIC); } \
  DENPA_INLINE V denpa_##NAME##_pow2(V h) { return (V)((U)(h + (V)(MAGIC + BIAS)) << FRACTION); } \
  DENPA_INLINE V denpa_##NAME##_exponent(V x) { \
    return (V)(((U)x >> FRACTION) | (U)(V)(EXPONENT_ZERO)) - (V)(EXPONENT_ZERO + BIAS); \
  } \
  DENPA_INLINE V denpa_##NAME##_mantissa(V x) { \
    return (V)(((U)x & (((U)0 + 1 << FRACTION) - 1)) | ((U)0 + ONE_BITS)); \
  }

DENPA_OPERATIONS(f32, denpa_f32, denpa_i32, denpa_u32, 23, 0x1.8p23f, 127.0f, 0x1p23f, 0x3f800000u)
DENPA_OPERATIONS(f64, denpa_f64, denpa_i64, denpa_u64, 52, 0x1.8p52, 1023.0, 0x1p52, 0x3ff0000000000000u)

// x·2^n for an integer n, rounded once.
#if defined(__AVX512F__)
DENPA_INLINE denpa_f32 denpa_f32_scale(denpa_f32 x, denpa_f32 n) {
  return (denpa_f32)_mm512_scalef_ps((__m512)x, (__m512)n);
}
DENPA_INLINE denpa_f64 denpa_f64_scale(denpa_f64 x, denpa_f64 n) {
  return (denpa_f64)_mm512_scalef_pd((__m512d)x, (__m512d)n);
}
#else
// In two steps, the first of them exact, because 2^n itself may not be a normal number.
DENPA_INLINE denpa_f32 denpa_f32_scale(denpa_f32 x, denpa_f32 n) {
  denpa_f32 half = denpa_f32_rounded(n * 0.5f);
  return x * denpa_f32_pow2(half) * denpa_f32_pow2(n - half);
}
DENPA_INLINE denpa_f64 denpa_f64_scale(denpa_f64 x, denpa_f64 n) {
  denpa_f64 half = denpa_f64_rounded(n * 0.5);
  return x * denpa_f64_pow2(half) * denpa_f64_pow2(n - half);
}
#endif

// The first n lanes, 0 < n < width; nothing beyond them is accessed.
#if defined(__AVX512F__)
DENPA_INLINE denpa_f32 denpa_f32_load(const float *p, intptr_t n, denpa_f32 fill) {
  return (denpa_f32)_mm512_mask_loadu_ps((__m512)fill, (__mmask16)_bzhi_u32(0xffff, (uint32_t)n), p);
}
DENPA_INLINE void denpa_f32_store(float *p, intptr_t n, denpa_f32 v) {
  _mm512_mask_storeu_ps(p, (__mmask16)_bzhi_u32(0xffff, (uint32_t)n), (__m512)v);
}
DENPA_INLINE denpa_f64 denpa_f64_load(const double *p, intptr_t n, denpa_f64 fill) {
  return (denpa_f64)_mm512_mask_loadu_pd((__m512d)fill, (__mmask8)_bzhi_u32(0xff, (uint32_t)n), p);
}
DENPA_INLINE void denpa_f64_store(double *p, intptr_t n, denpa_f64 v) {
  _mm512_mask_storeu_pd(p, (__mmask8)_bzhi_u32(0xff, (uint32_t)n), (__m512d)v);
}
#elif defined(__AVX2__)
DENPA_INLINE denpa_i32 denpa_i32_first(intptr_t n) {
  return (denpa_i32){0, 1, 2, 3, 4, 5, 6, 7} < (denpa_i32)(int32_t)n;
}
DENPA_INLINE denpa_i64 denpa_i64_first(intptr_t n) { return (denpa_i64){0, 1, 2, 3} < (denpa_i64)(int64_t)n; }
DENPA_INLINE denpa_f32 denpa_f32_load(const float *p, intptr_t n, denpa_f32 fill) {
  denpa_i32 mask = denpa_i32_first(n);
  return mask ? (denpa_f32)_mm256_maskload_ps(p, (__m256i)mask) : fill;
}
DENPA_INLINE void denpa_f32_store(float *p, intptr_t n, denpa_f32 v) {
  _mm256_maskstore_ps(p, (__m256i)denpa_i32_first(n), (__m256)v);
}
DENPA_INLINE denpa_f64 denpa_f64_load(const double *p, intptr_t n, denpa_f64 fill) {
  denpa_i64 mask = denpa_i64_first(n);
  return mask ? (denpa_f64)_mm256_maskload_pd(p, (__m256i)mask) : fill;
}
DENPA_INLINE void denpa_f64_store(double *p, intptr_t n, denpa_f64 v) {
  _mm256_maskstore_pd(p, (__m256i)denpa_i64_first(n), (__m256d)v);
}
#else
DENPA_INLINE denpa_f32 denpa_f32_load(const float *p, intptr_t n, denpa_f32 fill) {
  fill.x = p[0];
  if (n > 1) fill.y = p[1];
  if (n > 2) fill.z = p[2];
  return fill;
}
DENPA_INLINE void denpa_f32_store(float *p, intptr_t n, denpa_f32 v) {
  p[0] = v.x;
  if (n > 1) p[1] = v.y;
  if (n > 2) p[2] = v.z;
}
DENPA_INLINE denpa_f64 denpa_f64_load(const double *p, intptr_t n, denpa_f64 fill) {
  (void)n;
  fill.x = p[0];
  return fill;
}
DENPA_INLINE void denpa_f64_store(double *p, intptr_t n, denpa_f64 v) {
  (void)n;
  p[0] = v.x;
}
#endif

// Lane `lane` of b, the others of a.
#if defined(__AVX512F__)
DENPA_INLINE denpa_f32 denpa_f32_replace(denpa_f32 a, intptr_t lane, denpa_f32 b) {
  return (denpa_f32)_mm512_mask_mov_ps((__m512)a, (__mmask16)(1u << lane), (__m512)b);
}
DENPA_INLINE denpa_f64 denpa_f64_replace(denpa_f64 a, intptr_t lane, denpa_f64 b) {
  return (denpa_f64)_mm512_mask_mov_pd((__m512d)a, (__mmask8)(1u << lane), (__m512d)b);
}
#else
#if defined(__AVX2__)
#define DENPA_F32_LANES {0, 1, 2, 3, 4, 5, 6, 7}
#define DENPA_F64_LANES {0, 1, 2, 3}
#else
#define DENPA_F32_LANES {0, 1, 2, 3}
#define DENPA_F64_LANES {0, 1}
#endif
DENPA_INLINE denpa_f32 denpa_f32_replace(denpa_f32 a, intptr_t lane, denpa_f32 b) {
  return (denpa_i32)DENPA_F32_LANES == (denpa_i32)(int32_t)lane ? b : a;
}
DENPA_INLINE denpa_f64 denpa_f64_replace(denpa_f64 a, intptr_t lane, denpa_f64 b) {
  return (denpa_i64)DENPA_F64_LANES == (denpa_i64)(int64_t)lane ? b : a;
}
#endif

// Horizontal sums and maxima, by halves; and the parts of a transposition: the even or odd elements of two
// vectors in each 128-bit piece, and the even or odd pieces. Nothing else moves across pieces.
#define DENPA_LARGER(a, b) ((a) > (b) ? (a) : (b))
#if defined(__AVX512F__)
DENPA_INLINE float denpa_f32_sum(denpa_f32 v) {
  __typeof__(v.lo) a = v.lo + v.hi;
  __typeof__(a.lo) b = a.lo + a.hi;
  return (b.x + b.z) + (b.y + b.w);
}
DENPA_INLINE float denpa_f32_largest(denpa_f32 v) {
  __typeof__(v.lo) a = DENPA_LARGER(v.lo, v.hi);
  __typeof__(a.lo) b = DENPA_LARGER(a.lo, a.hi);
  __typeof__(b.lo) c = DENPA_LARGER(b.lo, b.hi);
  return DENPA_LARGER(c.x, c.y);
}
DENPA_INLINE double denpa_f64_sum(denpa_f64 v) {
  __typeof__(v.lo) a = v.lo + v.hi;
  return (a.x + a.z) + (a.y + a.w);
}
DENPA_INLINE double denpa_f64_largest(denpa_f64 v) {
  __typeof__(v.lo) a = DENPA_LARGER(v.lo, v.hi);
  __typeof__(a.lo) b = DENPA_LARGER(a.lo, a.hi);
  return DENPA_LARGER(b.x, b.y);
}
#define DENPA_EVEN32 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30
#define DENPA_ODD32 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31
#define DENPA_EVEN_PIECES32 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define DENPA_ODD_PIECES32 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#define DENPA_EVEN64 0, 8, 2, 10, 4, 12, 6, 14
#define DENPA_ODD64 1, 9, 3, 11, 5, 13, 7, 15
#define DENPA_EVEN_PIECES64 0, 1, 4, 5, 8, 9, 12, 13
#define DENPA_ODD_PIECES64 2, 3, 6, 7, 10, 11, 14, 15
#elif defined(__AVX2__)
DENPA_INLINE float denpa_f32_sum(denpa_f32 v) {
  __typeof__(v.lo) a = v.lo + v.hi;
  return (a.x + a.z) + (a.y + a.w);
}
DENPA_INLINE float denpa_f32_largest(denpa_f32 v) {
  __typeof__(v.lo) a = DENPA_LARGER(v.lo, v.hi);
  __typeof__(a.lo) b = DENPA_LARGER(a.lo, a.hi);
  return DENPA_LARGER(b.x, b.y);
}
DENPA_INLINE double denpa_f64_sum(denpa_f64 v) { return (v.x + v.z) + (v.y + v.w); }
DENPA_INLINE double denpa_f64_largest(denpa_f64 v) {
  __typeof__(v.lo) a = DENPA_LARGER(v.lo, v.hi);
  return DENPA_LARGER(a.x, a.y);
}
#define DENPA_EVEN32 0, 2, 8, 10, 4, 6, 12, 14
#define DENPA_ODD32 1, 3, 9, 11, 5, 7, 13, 15
#define DENPA_EVEN_PIECES32 0, 1, 2, 3, 8, 9, 10, 11
#define DENPA_ODD_PIECES32 4, 5, 6, 7, 12, 13, 14, 15
#define DENPA_EVEN64 0, 4, 2, 6
#define DENPA_ODD64 1, 5, 3, 7
#define DENPA_EVEN_PIECES64 0, 1, 4, 5
#define DENPA_ODD_PIECES64 2, 3, 6, 7
#else
DENPA_INLINE float denpa_f32_sum(denpa_f32 v) { return (v.x + v.z) + (v.y + v.w); }
DENPA_INLINE float denpa_f32_largest(denpa_f32 v) {
  __typeof__(v.lo) a = DENPA_LARGER(v.lo, v.hi);
  return DENPA_LARGER(a.x, a.y);
}
DENPA_INLINE double denpa_f64_sum(denpa_f64 v) { return v.x + v.y; }
DENPA_INLINE double denpa_f64_largest(denpa_f64 v) { return DENPA_LARGER(v.x, v.y); }
#define DENPA_EVEN32 0, 2, 4, 6
#define DENPA_ODD32 1, 3, 5, 7
#define DENPA_EVEN_PIECES32 DENPA_EVEN32
#define DENPA_ODD_PIECES32 DENPA_ODD32
#define DENPA_EVEN64 0, 2
#define DENPA_ODD64 1, 3
#define DENPA_EVEN_PIECES64 DENPA_EVEN64
#define DENPA_ODD_PIECES64 DENPA_ODD64
#endif

// Transposes a block of `width` rows (those from `rows` on are 0) by `width` columns (`columns` of them are
// read and written): out[p·outStride + i] = in[i·inStride + p], `lanes` of a row stored. First each 128-bit
// square is transposed within its pieces, then the pieces are exchanged; each round halves the rows an
// element can come from.
#define DENPA_HALVE(V, a, SQUARE, DISTANCE, EVEN, ODD) \
  _Pragma("clang loop unroll(full)") for (int step = 1; step < (SQUARE); step *= 2) { \
    V b[W]; \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < W; i++) { \
      /* row `place` of its square, which begins at `first` */ \
      const int place = i / (DISTANCE) % (SQUARE), first = i - place * (DISTANCE); \
      if (place % 2) continue; \
      b[first + place / 2 * (DISTANCE)] = __builtin_shufflevector(a[i], a[i + (DISTANCE)], EVEN); \
      b[first + ((SQUARE) / 2 + place / 2) * (DISTANCE)] = __builtin_shufflevector(a[i], a[i + (DISTANCE)], ODD); \
    } \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < W; i++) a[i] = b[i]; \
  }
#define DENPA_LOAD_TRANSPOSED(NAME, T, V, BITS) \
  enum { W = DENPA_SIMD_BYTES / sizeof(T), PIECE = 16 / sizeof(T) }; \
  V a[W]; \
  _Pragma("clang loop unroll(full)") for (int i = 0; i < W; i++) { \
    V zero = (V)(T)0; \
    a[i] = i >= rows ? zero : columns >= W ? *(const V##_loose *)(in + i * inStride) \
                                           : denpa_##NAME##_load(in + i * inStride, columns, zero); \
  } \
  DENPA_HALVE(V, a, PIECE, 1, DENPA_EVEN##BITS, DENPA_ODD##BITS) \
  DENPA_HALVE(V, a, W / PIECE, PIECE, DENPA_EVEN_PIECES##BITS, DENPA_ODD_PIECES##BITS)
// The second function returns sums + the sum of factors[p]·in[i·inStride + p] over p, in lane i.
#define DENPA_TRANSPOSE(NAME, T, V, BITS) \
  DENPA_INLINE void denpa_##NAME##_transpose( \
    const T *in, intptr_t inStride, intptr_t rows, intptr_t columns, T *out, intptr_t outStride, intptr_t lanes) { \
    DENPA_LOAD_TRANSPOSED(NAME, T, V, BITS) \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < W; i++) { \
      if (i >= columns) break; \
      if (lanes >= W) \
        *(V##_loose *)(out + i * outStride) = a[i]; \
      else \
        denpa_##NAME##_store(out + i * outStride, lanes, a[i]); \
    } \
  } \
  DENPA_INLINE V denpa_##NAME##_add_across( \
    const T *in, intptr_t inStride, intptr_t rows, intptr_t columns, const T *factors, V sums) { \
    DENPA_LOAD_TRANSPOSED(NAME, T, V, BITS) \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < W; i++) { \
      if (i >= columns) break; \
      sums = denpa_##NAME##_fma((V)factors[i], a[i], sums); \
    } \
    return sums; \
  }
DENPA_TRANSPOSE(f32, float, denpa_f32, 32)
DENPA_TRANSPOSE(f64, double, denpa_f64, 64)

// Prefetches memory that will be read soon; any address is allowed.
DENPA_INLINE void denpa_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }

// Sets a flag that several threads may set.
DENPA_INLINE void denpa_raise(int32_t *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELAXED); }
