/* What one core can do at most: products of registers, nothing read or written. Prints three numbers of 1e9
   operations a second: fp32 fused multiply-add, bf16 and int8 dot products. */
#include <immintrin.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define REGISTERS 16
#define STEPS 4000000L

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

#define MEASURE(TYPE, OPERATION, PER_REGISTER)                                          \
    do {                                                                                \
        double best = 0;                                                                \
        for (int repeat = 0; repeat < 5; repeat++) {                                    \
            TYPE c[REGISTERS];                                                          \
            memset(c, 0, sizeof c);                                                     \
            double start = now();                                                       \
            for (long k = 0; k < STEPS; k++) {                                          \
                _Pragma("GCC unroll 16") for (int i = 0; i < REGISTERS; i++) {          \
                    c[i] = OPERATION;                                                   \
                    __asm__ volatile("" ::"v"(c[i]));                                   \
                }                                                                       \
            }                                                                           \
            double rate = STEPS * REGISTERS * (PER_REGISTER) / (now() - start) / 1e9;   \
            if (rate > best) best = rate;                                               \
        }                                                                               \
        printf("%.1f\n", best);                                                         \
    } while (0)

int main(void) {
    __m512 x = _mm512_set1_ps(1e-9f), y = _mm512_set1_ps(0.5f);
    __m512bh u, v;
    __m512i p = _mm512_set1_epi8(1), q = _mm512_set1_epi8(1);
    memset(&u, 1, sizeof u);
    memset(&v, 1, sizeof v);
    MEASURE(__m512, _mm512_fmadd_ps(x, y, c[i]), 32.0);
    MEASURE(__m512, _mm512_dpbf16_ps(c[i], u, v), 64.0);
    MEASURE(__m512i, _mm512_dpbusd_epi32(c[i], p, q), 128.0);
    return 0;
}
