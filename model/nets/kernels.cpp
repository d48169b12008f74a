// The inner loops of training, compiled and called by native.py.
//
// Maps are float32, channel-last [n,h,w,c]; c is a multiple of 8 except for `patches`. Work is cut
// into pieces that do not depend on the number of threads, so that every run gives the same bits.
//
// Winograd F(4x4, 3x3), Lavin and Gray 2015, arXiv 1509.09308: a 3x3 convolution of a map cut into
// tiles of 4x4 pixels is 36 matrix products between transforms of its tiles. `tiles_in` (B'dB) and
// `tiles_out` (A'mA) serve the forward pass; their transposes `tiles_in_back` and `tiles_out_back`
// the backward pass. Transformed tiles are [n * h/4 * w/4, 36, c].

#include <cstring>

#include "winograd.h"

typedef float vec __attribute__((vector_size(32), aligned(4), may_alias));
typedef int mask __attribute__((vector_size(32)));
static const long LANES = 8;

static vec &at(float *p) { return *reinterpret_cast<vec *>(p); }
static const vec &at(const float *p) { return *reinterpret_cast<const vec *>(p); }

// One tile row of one picture is one piece of work.
#define FOR_TILE_ROWS                                              \
    const long th = h / 4, tw = w / 4;                             \
    _Pragma("omp parallel for num_threads(threads) schedule(static)") \
    for (long row = 0; row < n * th; row++)

extern "C" {

void tiles_in(const float *x, float *v, long n, long h, long w, long c, int threads) {
    FOR_TILE_ROWS {
        const float *picture = x + row / th * h * w * c;
        const long y0 = row % th * 4 - 1;
        for (long tile = 0; tile < tw; tile++) {
            const long x0 = tile * 4 - 1;
            float *to = v + (row * tw + tile) * 36 * c;
            for (long k = 0; k < c; k += LANES) {
                vec d[36];
                for (int i = 0; i < 6; i++)
                    for (int j = 0; j < 6; j++) {
                        const long y = y0 + i, z = x0 + j;
                        const bool inside = y >= 0 && y < h && z >= 0 && z < w;
                        d[6 * i + j] = inside ? at(picture + (y * w + z) * c + k) : vec{};
                    }
                both(in6, d, 6, 6);
                for (int i = 0; i < 36; i++) at(to + i * c + k) = d[i];
            }
        }
    }
}

// Adds up where tiles overlap: one picture is one piece of work.
void tiles_in_back(const float *v, float *x, long n, long h, long w, long c, int threads) {
    const long th = h / 4, tw = w / 4;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long picture = 0; picture < n; picture++) {
        float *to = x + picture * h * w * c;
        std::memset(to, 0, h * w * c * sizeof(float));
        for (long tile = 0; tile < th * tw; tile++) {
            const float *from = v + (picture * th * tw + tile) * 36 * c;
            const long y0 = tile / tw * 4 - 1, x0 = tile % tw * 4 - 1;
            for (long k = 0; k < c; k += LANES) {
                vec d[36];
                for (int i = 0; i < 36; i++) d[i] = at(from + i * c + k);
                both(in6_back, d, 6, 6);
                for (int i = 0; i < 6; i++)
                    for (int j = 0; j < 6; j++) {
                        const long y = y0 + i, z = x0 + j;
                        if (y >= 0 && y < h && z >= 0 && z < w)
                            at(to + (y * w + z) * c + k) += d[6 * i + j];
                    }
            }
        }
    }
}

void tiles_out(const float *m, float *y, long n, long h, long w, long c, int threads) {
    FOR_TILE_ROWS {
        for (long tile = 0; tile < tw; tile++) {
            const float *from = m + (row * tw + tile) * 36 * c;
            float *to = y + (row * 4 * w + tile * 4) * c;
            for (long k = 0; k < c; k += LANES) {
                vec d[36];
                for (int i = 0; i < 36; i++) d[i] = at(from + i * c + k);
                both(out6, d, 6, 4);
                for (int i = 0; i < 4; i++)
                    for (int j = 0; j < 4; j++) at(to + (i * w + j) * c + k) = d[6 * i + j];
            }
        }
    }
}

void tiles_out_back(const float *y, float *m, long n, long h, long w, long c, int threads) {
    FOR_TILE_ROWS {
        for (long tile = 0; tile < tw; tile++) {
            const float *from = y + (row * 4 * w + tile * 4) * c;
            float *to = m + (row * tw + tile) * 36 * c;
            for (long k = 0; k < c; k += LANES) {
                vec d[36];
                for (int i = 0; i < 4; i++)
                    for (int j = 0; j < 4; j++) d[6 * i + j] = at(from + (i * w + j) * c + k);
                both(out6_back, d, 4, 6);
                for (int i = 0; i < 36; i++) at(to + i * c + k) = d[i];
            }
        }
    }
}

// The 3x3 surroundings [n*h*w, 9*c] of every pixel of x, zero outside; any c.
void patches(const float *x, float *p, long n, long h, long w, long c, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < n * h; row++)
        for (long z = 0; z < w; z++)
            for (long i = -1; i <= 1; i++)
                for (long j = -1; j <= 1; j++) {
                    float *to = p + ((row * w + z) * 9 + (i + 1) * 3 + j + 1) * c;
                    const long y = row % h + i;
                    const bool inside = y >= 0 && y < h && z + j >= 0 && z + j < w;
                    for (long k = 0; k < c; k++)
                        to[k] = inside ? x[((row + i) * w + z + j) * c + k] : 0;
                }
}

// Mean and sum of squared distances from it, [n,2,c], of each of n pictures x [n,pixels,c].
void moments(const float *x, float *out, long n, long pixels, long c, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long picture = 0; picture < n; picture++) {
        const float *from = x + picture * pixels * c;
        float *mean = out + picture * 2 * c, *spread = mean + c;
        std::memset(mean, 0, 2 * c * sizeof(float));
        for (long i = 0; i < pixels; i++)
            for (long k = 0; k < c; k += LANES) at(mean + k) += at(from + i * c + k);
        for (long k = 0; k < c; k++) mean[k] /= pixels;
        for (long i = 0; i < pixels; i++)
            for (long k = 0; k < c; k += LANES) {
                const vec far = at(from + i * c + k) - at(mean + k);
                at(spread + k) += far * far;
            }
    }
}

// One pooled neuron group of 8 channels at a time: f(picture, its neurons' offsets in a map,
// the pooled neuron's offset in a pooled map, channel).
#define FOR_POOLS                                                  \
    const long ph = h / pool, pw = w / pool, corners = pool * pool; \
    _Pragma("omp parallel for num_threads(threads) schedule(static)") \
    for (long picture = 0; picture < n; picture++)                 \
        for (long spot = 0; spot < ph * pw; spot++)                \
            for (long k = 0; k < c; k += LANES)

#define OFFSETS                                                    \
    const long to = (picture * ph * pw + spot) * c + k;            \
    const long y0 = spot / pw * pool, x0 = spot % pw * pool;       \
    long from[4];                                                  \
    for (long i = 0; i < corners; i++)                             \
        from[i] = ((picture * h + y0 + i / pool) * w + x0 + i % pool) * c + k;

static inline vec choose(mask where, vec value) {
    return (vec)(where & (mask)value);
}

// Spikes out [ticks,n,h/pool,w/pool,c] after OR-pooling of neurons with the drives x
// [drives,n,h,w,c], drives = ticks or 1; with `rate` their mean over the ticks, [n,...]. decay: share
// of the membrane that a tick leaves, 1 without a leak.
void fire(const float *x, const float *scale, const float *shift, float *out, long drives,
          long ticks, long n, long h, long w, long c, long pool, int hard, int rate,
          float v_init, float decay, int threads) {
    FOR_POOLS {
        OFFSETS
        const vec a = at(scale + k), b = at(shift + k), one = vec{} + 1;
        const long map = n * h * w * c, pooled = n * ph * pw * c;
        vec v[4], y[4], count = {};
        for (long i = 0; i < corners; i++) v[i] = vec{} + v_init;
        for (long t = 0; t < ticks; t++) {
            mask any = {};
            for (long i = 0; i < corners; i++) {
                if (t < drives) y[i] = at(x + t * map + from[i]) * a + b;
                v[i] = v[i] * decay + y[i];
                const mask fired = v[i] >= one;
                v[i] = hard ? choose(~fired, v[i]) : v[i] - choose(fired, one);
                any |= fired;
            }
            count += choose(any, one);
            if (!rate) at(out + t * pooled + to) = choose(any, one);
        }
        if (rate) at(out + to) = count / (float)ticks;
    }
}

// The gradient dy [drives,n,h,w,c] of normalised drives from that of the pooled spikes, grad
// [ticks,...] (or of their mean, [1,...]), and the sums over each picture of dy and dy * normalised
// x, sums [n,2,c]. One drive for all ticks: straight through where 0 <= drive <= 1 is the largest
// of its pool. One for each tick: as neuron._fire_back says.
void fire_back(const float *grad, const float *x, const float *scale, const float *shift,
               const float *mean, const float *inv, float *dy, float *sums, long drives,
               long ticks, long n, long h, long w, long c, long pool, int hard, float v_init,
               float window, float decay, int threads) {
    std::memset(sums, 0, n * 2 * c * sizeof(float));
    FOR_POOLS {
        OFFSETS
        const vec a = at(scale + k), b = at(shift + k), one = vec{} + 1, zero = {};
        const long map = n * h * w * c, pooled = n * ph * pw * c;
        vec v[32][4], best[32], sum = {}, sum_x = {};
        for (long t = 0; t < drives; t++)
            for (long i = 0; i < corners; i++) {
                const vec y = at(x + t * map + from[i]) * a + b;
                if (drives == 1) {
                    v[t][i] = y;
                } else {
                    const vec old = t ? v[t - 1][i] : zero + v_init;
                    const mask fired = t ? old >= one : mask{};
                    v[t][i] = (hard ? choose(~fired, old) : old - choose(fired, one)) * decay + y;
                }
                best[t] = i == 0 ? v[t][i] : v[t][i] > best[t] ? v[t][i] : best[t];
            }
        vec carry[4] = {};
        for (long t = drives - 1; t >= 0; t--) {
            vec g = at(grad + t * pooled + to);
            if (drives == 1)
                for (long u = 1; u < ticks; u++) g += at(grad + u * pooled + to);
            for (long i = 0; i < corners; i++) {
                const vec now = v[t][i];
                const vec own = choose(now >= best[t], g);
                if (drives == 1) {
                    carry[i] = choose((now >= zero) & (now <= one), own);
                } else {
                    const vec far = now > one ? now - one : one - now;
                    const mask inside = far < zero + window;
                    carry[i] *= decay;
                    carry[i] = hard ? choose(inside, own) + choose(now < one, carry[i])
                                    : choose(inside, own - carry[i]) + carry[i];
                }
                at(dy + t * map + from[i]) = carry[i];
                sum += carry[i];
                sum_x += carry[i] * ((at(x + t * map + from[i]) - at(mean + k)) * at(inv + k));
            }
        }
        at(sums + picture * 2 * c + k) += sum;
        at(sums + picture * 2 * c + c + k) += sum_x;
    }
}

// In place: dy [count,c] becomes the gradient of x through batch statistics.
void norm_back(float *dy, const float *x, const float *mean, const float *inv, const float *gain,
               const float *mean_dy, const float *mean_dyx, long count, long c, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++)
        for (long k = 0; k < c; k += LANES) {
            const vec normal = (at(x + i * c + k) - at(mean + k)) * at(inv + k);
            at(dy + i * c + k) = at(gain + k) * at(inv + k) *
                (at(dy + i * c + k) - at(mean_dy + k) - normal * at(mean_dyx + k));
        }
}

}  // extern "C"
