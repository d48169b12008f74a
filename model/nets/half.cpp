// Winograd's tiles in bfloat16, for the gradients of a 3x3 convolution: as kernels.cpp's, but the
// transformed tiles are [36, tiles, c], and c is a multiple of 16.

#include <cstdint>
#include <cstring>

#include "winograd.h"

typedef float vec __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t bits __attribute__((vector_size(64)));
typedef uint16_t half __attribute__((vector_size(32), aligned(2), may_alias));
static const long LANES = 16;

static inline half rounded(vec x) {  // to nearest, ties to even
    const bits b = (bits)x;
    return __builtin_convertvector((b + 0x7fff + (b >> 16 & 1)) >> 16, half);
}

static inline vec widened(half x) {
    return (vec)(__builtin_convertvector(x, bits) << 16);
}

#define FOR_TILES                                                  \
    const long th = h / 4, tw = w / 4, tiles = n * th * tw;        \
    _Pragma("omp parallel for num_threads(threads) schedule(static)") \
    for (long row = 0; row < n * th; row++)                        \
        for (long tile = 0; tile < tw; tile++)                     \
            for (long k = 0; k < c; k += LANES)

#define SPOT(values, i) ((values) + ((i) * tiles + row * tw + tile) * c + k)

extern "C" {

void half_tiles_in(const float *x, uint16_t *v, long n, long h, long w, long c, int threads) {
    FOR_TILES {
        const float *picture = x + row / th * h * w * c;
        const long y0 = row % th * 4 - 1, x0 = tile * 4 - 1;
        vec d[36];
        for (int i = 0; i < 36; i++) {
            const long y = y0 + i / 6, z = x0 + i % 6;
            const bool inside = y >= 0 && y < h && z >= 0 && z < w;
            d[i] = inside ? *(const vec *)(picture + (y * w + z) * c + k) : vec{};
        }
        both(in6, d, 6, 6);
        for (int i = 0; i < 36; i++) *(half *)SPOT(v, i) = rounded(d[i]);
    }
}

void half_tiles_out_back(const float *y, uint16_t *m, long n, long h, long w, long c, int threads) {
    FOR_TILES {
        const float *from = y + (row * 4 * w + tile * 4) * c + k;
        vec d[36];
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) d[6 * i + j] = *(const vec *)(from + (i * w + j) * c);
        both(out6_back, d, 4, 6);
        for (int i = 0; i < 36; i++) *(half *)SPOT(m, i) = rounded(d[i]);
    }
}

// Adds up where tiles overlap: one picture is one piece of work.
void half_tiles_in_back(const uint16_t *v, float *x, long n, long h, long w, long c, int threads) {
    const long th = h / 4, tw = w / 4, tiles = n * th * tw;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long picture = 0; picture < n; picture++) {
        float *to = x + picture * h * w * c;
        std::memset(to, 0, h * w * c * sizeof(float));
        for (long row = picture * th; row < (picture + 1) * th; row++)
            for (long tile = 0; tile < tw; tile++)
                for (long k = 0; k < c; k += LANES) {
                    const long y0 = row % th * 4 - 1, x0 = tile * 4 - 1;
                    vec d[36];
                    for (int i = 0; i < 36; i++) d[i] = widened(*(const half *)SPOT(v, i));
                    both(in6_back, d, 6, 6);
                    for (int i = 0; i < 36; i++) {
                        const long y = y0 + i / 6, z = x0 + i % 6;
                        if (y >= 0 && y < h && z >= 0 && z < w)
                            *(vec *)(to + (y * w + z) * c + k) += d[i];
                    }
                }
    }
}

// Whether this processor multiplies bfloat16 itself.
int half_products(int) {
#if defined(__AVX512BF16__) || defined(__AMX_BF16__) || defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
    return 1;
#else
    return 0;
#endif
}

}  // extern "C"
