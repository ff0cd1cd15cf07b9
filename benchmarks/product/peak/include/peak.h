// The most that a core can do: multiply-adds on registers alone.
#pragma once
#include <stdint.h>

// `steps` times 12 multiply-adds of one vector each, none waiting for the one before. `bytes` is the vector's width: 64 and
// 32 need AVX-512 and AVX2 with FMA; with 16 bytes they are a multiplication and an addition.
// Answers how many floating-point operations these were.
int64_t peak_run(int32_t bytes, int32_t is_double, int64_t steps);
