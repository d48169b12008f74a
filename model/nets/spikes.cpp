// Spikes of up to 8 ticks in training, as the hardware computes them: one bit a spike.
//
// Spikes are [n,h,w,g,8] words of 64 bits: bit b of word t is the spike of channel 64 g + b at tick
// t. Weights are [out/8, 9, g, 8] words of 64 bits, bit 1 = +1: bit b of word o is the weight of
// input channel 64 g + b in output channel o of the eight. Work is cut into pieces that do not
// depend on the number of threads.

#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

static const int TICKS = 8, TAPS = 9;

// How ones are counted, LANES output channels at once: `add` to counts of any shape over at most
// TAPS words, `total` makes those 64-bit numbers.
#if defined(__AVX512VPOPCNTDQ__)
static const int LANES = 8;
typedef uint64_t words __attribute__((vector_size(64)));
static inline words add(words counts, words x) { return counts + (words)_mm512_popcnt_epi64((__m512i)x); }
static inline words total(words counts) { return counts; }
#elif defined(__AVX2__)
static const int LANES = 4;
typedef uint64_t words __attribute__((vector_size(32)));
typedef uint8_t bytes __attribute__((vector_size(32)));
// Of each byte by its two halves, in a table (arXiv 1611.07612); 9 x 8 fits a byte.
static inline words add(words counts, words x) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(15), low = (__m256i)x & nibble;
    const __m256i high = _mm256_srli_epi16((__m256i)x, 4) & nibble;
    return (words)((bytes)counts + (bytes)_mm256_shuffle_epi8(table, low) +
                   (bytes)_mm256_shuffle_epi8(table, high));
}
static inline words total(words counts) {
    return (words)_mm256_sad_epu8((__m256i)counts, _mm256_setzero_si256());
}
#else
static const int LANES = 8;
typedef uint64_t words __attribute__((vector_size(64)));
static inline words add(words counts, words x) {
    for (int i = 0; i < LANES; i++) counts[i] += __builtin_popcountll(x[i]);
    return counts;
}
static inline words total(words counts) { return counts; }
#endif
typedef uint64_t unaligned_words __attribute__((vector_size(sizeof(words)), aligned(8), may_alias));
typedef int64_t signed_words __attribute__((vector_size(sizeof(words))));
typedef int16_t shorts __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef float floats_out __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

// Psums of PIXELS neighbours in a row, for all output channels and the first USED of the ticks.
template <int PIXELS, int USED>
static inline void psums_of(const uint64_t *const (*around)[TAPS], const uint64_t *weights,
                            int16_t *psum, float *mean, long ticks, long g, long outputs) {
    uint64_t live[PIXELS][USED] = {};  // spikes under the kernel, by tick
    for (int p = 0; p < PIXELS; p++)
        for (int tap = 0; tap < TAPS; tap++)
            for (long i = 0; i < g; i++)
                for (int t = 0; t < USED; t++)
                    live[p][t] += __builtin_popcountll(around[p][tap][i * TICKS + t]);
    for (long o = 0; o < outputs; o += LANES) {
        words hits[PIXELS][USED] = {};
        for (long i = 0; i < g; i++) {
            words counts[PIXELS][USED] = {};
            for (int tap = 0; tap < TAPS; tap++) {
                const words w = *(const unaligned_words *)(weights + ((o / 8 * TAPS + tap) * g + i) * 8 + o % 8);
#pragma GCC unroll 2
                for (int p = 0; p < PIXELS; p++) {
                    const uint64_t *s = around[p][tap] + i * TICKS;
#pragma GCC unroll 8
                    for (int t = 0; t < USED; t++) counts[p][t] = add(counts[p][t], w & (words{} + s[t]));
                }
            }
            for (int p = 0; p < PIXELS; p++)
                for (int t = 0; t < USED; t++) hits[p][t] += total(counts[p][t]);
        }
#pragma GCC unroll 2
        for (int p = 0; p < PIXELS; p++) {
            words sum = {};
#pragma GCC unroll 8
            for (int t = 0; t < USED; t++) {
                const words x = 2 * hits[p][t] - live[p][t];
                sum += x;
                *(shorts *)(psum + (p * TICKS + t) * outputs + o) = __builtin_convertvector(x, shorts);
            }
            *(floats_out *)(mean + p * outputs + o) =
                __builtin_convertvector((signed_words)sum, floats_out) / (float)ticks;
        }
    }
}

template <int USED>
static void psums_of_maps(const uint64_t *spikes, const uint64_t *weights, int16_t *psum, float *mean,
                          long ticks, long n, long h, long w, long g, long outputs, int threads) {
    static const uint64_t nothing[64 * TICKS] = {};  // spikes of a pixel outside: g <= 64
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
            int16_t *at = psum + (row * w + x) * TICKS * outputs;
            float *mean_at = mean + (row * w + x) * outputs;
            if (x + 1 < w)
                psums_of<2, USED>(around, weights, at, mean_at, ticks, g, outputs);
            else
                psums_of<1, USED>(around, weights, at, mean_at, ticks, g, outputs);
        }
    }
}

// Neurons are taken WIDE at once; a mask's lanes become bits.
typedef int32_t mask __attribute__((vector_size(sizeof(words))));
static const int WIDE = sizeof(mask) / 4;
#if defined(__AVX512DQ__) && defined(__AVX512VPOPCNTDQ__)
typedef uint16_t mask_bits;
static inline mask_bits bits_of(mask x) { return _mm512_movepi32_mask((__m512i)x); }
#elif defined(__AVX2__) && !defined(__AVX512VPOPCNTDQ__)
typedef uint8_t mask_bits;
static inline mask_bits bits_of(mask x) { return _mm256_movemask_ps((__m256)x); }
#else
typedef uint16_t mask_bits;
static inline mask_bits bits_of(mask x) {
    mask_bits bits = 0;
    for (int j = 0; j < WIDE; j++) bits |= (x[j] & 1) << j;
    return bits;
}
#endif
typedef float floats __attribute__((vector_size(sizeof(words)), aligned(4), may_alias));
typedef int16_t psums_wide __attribute__((vector_size(2 * WIDE), aligned(2), may_alias));

template <int POOL>
static void fire_maps(const int16_t *psum, const float *x, const float *scale, const float *shift,
                      uint64_t *spikes, float *rate, long ticks, long n, long h, long w, long c,
                      int hard, float v_init, float decay, int threads) {
    const long ph = h / POOL, pw = w / POOL, per_word = 64 / WIDE;
    const int corners = POOL * POOL;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < n * ph; row++)
        for (long column = 0; column < pw; column++)
            for (long k = 0; k < c; k += WIDE) {
                const floats a = *(const floats *)(scale + k), b = *(const floats *)(shift + k);
                const floats one = floats{} + 1;
                const long to = row * pw + column;
                long from[corners];
                floats v[corners], y[corners] = {}, count = {};
                for (int i = 0; i < corners; i++) {
                    from[i] = (row * POOL + i / POOL) * w + column * POOL + i % POOL;
                    v[i] = floats{} + v_init;
                    if (!psum) y[i] = *(const floats *)(x + from[i] * c + k) * a + b;
                }
                mask_bits *word = (mask_bits *)(spikes + (to * (c / 64) + k / 64) * TICKS) + k % 64 / WIDE;
                for (long t = 0; t < TICKS; t++) {
                    mask any = {};
                    if (t < ticks)
                        for (int i = 0; i < corners; i++) {
                            if (psum)
                                y[i] = __builtin_convertvector(
                                           __builtin_convertvector(
                                               *(const psums_wide *)(psum + (from[i] * TICKS + t) * c + k), mask),
                                           floats) * a + b;
                            v[i] = v[i] * decay + y[i];
                            const mask fired = v[i] >= one;
                            v[i] = hard ? (floats)(~fired & (mask)v[i]) : v[i] - (floats)(fired & (mask)one);
                            any |= fired;
                        }
                    count += (floats)(any & (mask)one);
                    word[t * per_word] = bits_of(any);
                }
                *(floats *)(rate + to * c + k) = count / (float)ticks;
            }
}

extern "C" {

// Psums int16 [n,h,w,8,out] of a 3x3 convolution of spikes, zero outside the map, and their means
// over the ticks float32 [n,h,w,out]. Psums of ticks that there are not may be left as they are.
void spike_psums(const uint64_t *spikes, const uint64_t *weights, int16_t *psum, float *mean,
                 long ticks, long n, long h, long w, long g, long outputs, int threads) {
    const auto maps = ticks <= 1   ? psums_of_maps<1>
                      : ticks <= 2 ? psums_of_maps<2>
                      : ticks <= 4 ? psums_of_maps<4>
                                   : psums_of_maps<TICKS>;
    maps(spikes, weights, psum, mean, ticks, n, h, w, g, outputs, threads);
}

// Spikes [n,h/pool,w/pool,c/64,8] after OR-pooling and their means over the ticks float32
// [n,h/pool,w/pool,c]: of neurons with the psums int16 [n,h,w,8,c], or, where psum is null, with
// the same drive x float32 [n,h,w,c] at every tick. c is a multiple of 64, pool 1 or 2. Arithmetic
// as in kernels.cpp's `fire`.
void spike_fire(const int16_t *psum, const float *x, const float *scale, const float *shift,
                uint64_t *spikes, float *rate, long ticks, long n, long h, long w, long c, long pool,
                int hard, float v_init, float decay, int threads) {
    const auto maps = pool == 1 ? fire_maps<1> : fire_maps<2>;
    maps(psum, x, scale, shift, spikes, rate, ticks, n, h, w, c, hard, v_init, decay, threads);
}

}  // extern "C"
