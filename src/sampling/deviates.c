/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/deviates.h"

#include <math.h>
#include <string.h>

#define SQUARE_ROOT_OF_2 1.41421356F
#define HALF_LOG_OF_2_PI 0.91893853320467274

/* The natural logarithm of a normal positive number: logf of the Cephes library (Moshier), without its branches. */
static inline float log_of(float x)
{
    enum { ROOT_OF_HALF = 0x3F3504F3 }; /* as a float */
    int32_t bits, exponent;
    float part, square, y;
    memcpy(&bits, &x, sizeof bits);
    exponent = (bits - ROOT_OF_HALF) >> 23;
    bits -= exponent * (1 << 23);
    memcpy(&part, &bits, sizeof part);
    part -= 1;
    square = part * part;
    y = 7.0376836292E-2F;
    y = y * part - 1.1514610310E-1F;
    y = y * part + 1.1676998740E-1F;
    y = y * part - 1.2420140846E-1F;
    y = y * part + 1.4249322787E-1F;
    y = y * part - 1.6668057665E-1F;
    y = y * part + 2.0000714765E-1F;
    y = y * part - 2.4999993993E-1F;
    y = y * part + 3.3333331174E-1F;
    y = y * part * square - 2.12194440E-4F * (float)exponent - 0.5F * square;
    return part + y + 0.693359375F * (float)exponent;
}

/* erfinv(x) / x for w = -log(1 - x^2): Giles's polynomials for the centre and for the tails. */
static inline float erfinv_of(float w)
{
    float v = w - 2.5F, u = sqrtf(w) - 3;
    float centre = 2.81022636E-8F, tail = -2.00214257E-4F;
    centre = centre * v + 3.43273939E-7F;
    centre = centre * v - 3.5233877E-6F;
    centre = centre * v - 4.39150654E-6F;
    centre = centre * v + 2.1858087E-4F;
    centre = centre * v - 1.25372503E-3F;
    centre = centre * v - 4.17768164E-3F;
    centre = centre * v + 2.46640727E-1F;
    centre = centre * v + 1.50140941F;
    tail = tail * u + 1.00950558E-4F;
    tail = tail * u + 1.34934322E-3F;
    tail = tail * u - 3.67342844E-3F;
    tail = tail * u + 5.73950773E-3F;
    tail = tail * u - 7.6224613E-3F;
    tail = tail * u + 9.43887047E-3F;
    tail = tail * u + 1.00167406F;
    tail = tail * u + 2.83297682F;
    return w < 5 ? centre : tail;
}

/* The lowest bit is the sign; the others are the probability t of a greater absolute value x, so that 1 - x^2, in terms
 * of erf, is t (2 - t), and precise in the tails. */
void mt_normal(const uint32_t *words, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        float t = ((float)(int32_t)(words[i] >> 1) + 0.5F) * 0x1p-31F;
        float w = -log_of(t * (2 - t));
        float x = words[i] & 1 ? t - 1 : 1 - t;
        out[i] = SQUARE_ROOT_OF_2 * x * erfinv_of(w);
    }
}

/* log(k!): the logarithm of the product, or Stirling's series (Abramowitz and Stegun 6.1.41). */
static double log_factorial(double k)
{
    double product = 1, r = 1 / (k * k);
    if (k >= 16)
        return (k + 0.5) * log(k) - k + HALF_LOG_OF_2_PI + (1.0 / 12 - r * (1.0 / 360 - r / 1260)) / k;
    for (int i = 2; i <= (int)k; i++)
        product *= i;
    return log(product);
}

/* Inversion by sequential search. The bound is never reached but by a remainder of rounding: for means below 10 the
 * probability of more is below 1e-28. */
static double poisson_by_search(mt_random *random, double mean)
{
    double u = mt_random_double(random), p = exp(-mean);
    int k = 0;
    while (u >= p && k < 64) {
        u -= p;
        p *= mean / ++k;
    }
    return k;
}

/* PTRS. The names are Hörmann's. */
static double poisson_by_rejection(mt_random *random, double mean)
{
    double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = mt_random_double(random) - 0.5, v = mt_random_double(random), us = 0.5 - fabs(u);
        double k = floor((2 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= v_r)
            return k;
        if (k < 0 || (us < 0.013 && v > us))
            continue;
        if (log(v * inverse_alpha / (a / (us * us) + b)) <= k * log(mean) - mean - log_factorial(k))
            return k;
    }
}

double mt_poisson(mt_random *random, double mean)
{
    if (mean < 10)
        return poisson_by_search(random, mean);
    if (mean <= 0x1p30)
        return poisson_by_rejection(random, mean);
    uint32_t word = (uint32_t)mt_random_next(random);
    float normal;
    mt_normal(&word, 1, &normal);
    return floor(mean + sqrt(mean) * (double)normal + 0.5);
}
