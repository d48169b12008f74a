// Spikes of up to 8 ticks in training, as the hardware computes them: one bit a spike.
//
// Spikes are [n,h,w,g,8] words of 64 bits: bit b of word t is the spike of channel 64 g + b at tick
// t. Weights are [out/8, 9, g, 8] words of 64 bits, bit 1 = +1: bit b of word o is the weight of
// input channel 64 g + b in output channel o of the eight. Work is cut into pieces that do not
// depend on the number of threads.

#include <cstdint>

#if defined(__AVX512VPOPCNTDQ__)
#include <immintrin.h>
#endif

typedef uint64_t words __attribute__((vector_size(64)));
typedef uint64_t unaligned_words __attribute__((vector_size(64), aligned(8), may_alias));
typedef int16_t shorts __attribute__((vector_size(16), aligned(2), may_alias));
typedef float floats8 __attribute__((vector_size(32), aligned(4), may_alias));
static const int TICKS = 8, TAPS = 9;

static inline words ones(words x) {
#if defined(__AVX512VPOPCNTDQ__)
    return (words)_mm512_popcnt_epi64((__m512i)x);
#else
    for (int i = 0; i < TICKS; i++) x[i] = __builtin_popcountll(x[i]);
    return x;
#endif
}

// Psums of PIXELS neighbours in a row, for all output channels and ticks.
template <int PIXELS>
static inline void psums_of(const uint64_t *const (*around)[TAPS], const unaligned_words *weights,
                            int16_t *psum, float *mean, long ticks, long g, long outputs) {
    words live[PIXELS] = {};  // spikes under the kernel, by tick
    for (int p = 0; p < PIXELS; p++)
        for (int tap = 0; tap < TAPS; tap++)
            for (long i = 0; i < g; i++)
                live[p] += ones(*(const unaligned_words *)(around[p][tap] + i * TICKS));
    for (long o = 0; o < outputs; o += 8) {
        words hits[PIXELS][TICKS] = {};
        for (int tap = 0; tap < TAPS; tap++)
            for (long i = 0; i < g; i++) {
                const words w = weights[(o / 8 * TAPS + tap) * g + i];
#pragma GCC unroll 2
                for (int p = 0; p < PIXELS; p++) {
                    const uint64_t *s = around[p][tap] + i * TICKS;
#pragma GCC unroll 8
                    for (int t = 0; t < TICKS; t++) hits[p][t] += ones(w & (words{} + s[t]));
                }
            }
#pragma GCC unroll 2
        for (int p = 0; p < PIXELS; p++) {
            words sum = {};
#pragma GCC unroll 8
            for (int t = 0; t < TICKS; t++) {
                const words x = 2 * hits[p][t] - live[p][t];
                sum += x;
                *(shorts *)(psum + (p * TICKS + t) * outputs + o) = __builtin_convertvector(x, shorts);
            }
            typedef int64_t signed_words __attribute__((vector_size(64)));
            *(floats8 *)(mean + p * outputs + o) =
                __builtin_convertvector((signed_words)sum, floats8) / (float)ticks;
        }
    }
}

extern "C" {

// Psums int16 [n,h,w,8,out] of a 3x3 convolution of spikes, zero outside the map, and their means
// over the ticks float32 [n,h,w,out].
void spike_psums(const uint64_t *spikes, const uint64_t *weights, int16_t *psum, float *mean,
                 long ticks, long n, long h, long w, long g, long outputs, int threads) {
    static const uint64_t nothing[64 * TICKS] = {};  // spikes of a pixel outside: g <= 64
    const unaligned_words *kernel = (const unaligned_words *)weights;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < n * h; row++) {
        const long y = row % h;
        for (long x = 0; x < w; x += 2) {
            const uint64_t *around[2][TAPS];
            for (int p = 0; p < 2; p++)
                for (int tap = 0; tap < TAPS; tap++) {
                    const long v = y + tap / 3 - 1, u = x + p + tap % 3 - 1;
                    const bool inside = v >= 0 && v < h && u >= 0 && u < w;
                    around[p][tap] =
                        inside ? spikes + ((row - y + v) * w + u) * g * TICKS : nothing;
                }
            const long at = row * w + x;
            if (x + 1 < w)
                psums_of<2>(around, kernel, psum + at * TICKS * outputs, mean + at * outputs, ticks, g, outputs);
            else
                psums_of<1>(around, kernel, psum + at * TICKS * outputs, mean + at * outputs, ticks, g, outputs);
        }
    }
}

// Spikes [n,h/pool,w/pool,c/64,8] after OR-pooling and their means over the ticks float32
// [n,h/pool,w/pool,c]: of neurons with the psums int16 [n,h,w,8,c], or, where psum is null, with
// the same drive x float32 [n,h,w,c] at every tick. c is a multiple of 64. Arithmetic as in
// kernels.cpp's `fire`.
void spike_fire(const int16_t *psum, const float *x, const float *scale, const float *shift,
                uint16_t *spikes, float *rate, long ticks, long n, long h, long w, long c, long pool,
                int hard, float v_init, float decay, int threads) {
    const int WIDE = 16;
    typedef float floats __attribute__((vector_size(64), aligned(4), may_alias));
    typedef int16_t psums __attribute__((vector_size(32), aligned(2), may_alias));
    typedef int32_t mask __attribute__((vector_size(64)));
    const long ph = h / pool, pw = w / pool, corners = pool * pool;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < n * ph; row++)
        for (long column = 0; column < pw; column++)
            for (long k = 0; k < c; k += WIDE) {
                const floats a = *(const floats *)(scale + k), b = *(const floats *)(shift + k);
                const floats one = floats{} + 1;
                const long to = row * pw + column;
                long from[4];
                floats v[4], y[4] = {}, count = {};
                for (long i = 0; i < corners; i++) {
                    from[i] = (row * pool + i / pool) * w + column * pool + i % pool;
                    v[i] = floats{} + v_init;
                    if (!psum) y[i] = *(const floats *)(x + from[i] * c + k) * a + b;
                }
                uint16_t *word = spikes + (to * (c / 64) + k / 64) * TICKS * 4 + k % 64 / WIDE;
                for (long t = 0; t < TICKS; t++) {
                    mask any = {};
                    for (long i = 0; t < ticks && i < corners; i++) {
                        if (psum)
                            y[i] = __builtin_convertvector(
                                       *(const psums *)(psum + (from[i] * TICKS + t) * c + k), floats) * a + b;
                        v[i] = v[i] * decay + y[i];
                        const mask fired = v[i] >= one;
                        v[i] = hard ? (floats)(~fired & (mask)v[i]) : v[i] - (floats)(fired & (mask)one);
                        any |= fired;
                    }
                    count += (floats)(any & (mask)one);
#if defined(__AVX512DQ__)
                    word[t * 4] = _mm512_movepi32_mask((__m512i)any);
#else
                    uint16_t bits = 0;
                    for (int j = 0; j < WIDE; j++) bits |= (any[j] & 1) << j;
                    word[t * 4] = bits;
#endif
                }
                *(floats *)(rate + to * c + k) = count / (float)ticks;
            }
}

}  // extern "C"
