// Winograd's one-dimensional transforms for F(4x4, 3x3), in place of the matrices B', A' and their
// transposes: Lavin and Gray 2015, arXiv 1509.09308. V is a vector of channels.

#pragma once

template <class V>
static inline void in6(V *d, long s) {  // B'
    V a = d[0], b = d[s], c = d[2 * s], e = d[3 * s], f = d[4 * s], g = d[5 * s];
    V p = f - 4 * c, q = e - 4 * b, r = f - c, t = 2 * (e - b);
    d[0] = 4 * a - 5 * c + f;
    d[s] = p + q;
    d[2 * s] = p - q;
    d[3 * s] = r + t;
    d[4 * s] = r - t;
    d[5 * s] = 4 * b - 5 * e + g;
}

template <class V>
static inline void in6_back(V *d, long s) {  // B
    V a = d[0], b = d[s], c = d[2 * s], e = d[3 * s], f = d[4 * s], g = d[5 * s];
    V p = b + c, q = b - c, r = e + f, t = 2 * (e - f);
    d[0] = 4 * a;
    d[s] = 4 * (g - q) - t;
    d[2 * s] = -5 * a - 4 * p - r;
    d[3 * s] = q + t - 5 * g;
    d[4 * s] = a + p + r;
    d[5 * s] = g;
}

template <class V>
static inline void out6(V *d, long s) {  // A': 6 values to 4
    V p = d[s] + d[2 * s], q = d[s] - d[2 * s];
    V r = d[3 * s] + d[4 * s], t = 2 * (d[3 * s] - d[4 * s]);
    d[0] += p + r;
    d[s] = q + t;
    d[2 * s] = p + 4 * r;
    d[3 * s] = q + 4 * t + d[5 * s];
}

template <class V>
static inline void out6_back(V *d, long s) {  // A: 4 values to 6
    V a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
    V p = a + c, q = b + e, r = a + 4 * c, t = 2 * b + 8 * e;
    d[s] = p + q;
    d[2 * s] = p - q;
    d[3 * s] = r + t;
    d[4 * s] = r - t;
    d[5 * s] = e;
}

// `along` over the rows and the columns of d[6][6]; of the rows or columns only so many.
template <class V>
static inline void both(void (*along)(V *, long), V *d, int rows, int columns) {
    for (int i = 0; i < rows; i++) along(d + 6 * i, 1);
    for (int j = 0; j < columns; j++) along(d + j, 6);
}
