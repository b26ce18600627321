/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/number.h"

#include "base/checked.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough digits to tell any decimal number from the midpoint of two neighbouring doubles. */
#define MAX_DIGITS 768

/* An exponent beyond this overflows or underflows whatever the digits. */
#define MAX_EXPONENT 100000
#define MAX_LENGTH 65536

static const char *skip_blanks(const char *text) { return text + strspn(text, " \t\r\n\f\v"); }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool mt_parse_integer(const char **text, int64_t *out)
{
    const char *at = skip_blanks(*text);
    bool negative = *at == '-', fits = true;
    int64_t value = 0;
    at += *at == '-' || *at == '+';
    *out = 0;
    if (!is_digit(*at))
        return false;
    for (; is_digit(*at) && fits; at++) /* downwards, as there is one more number below zero than above */
        fits = !mt_mul_i64(value, 10, &value) && !mt_add_i64(value, '0' - *at, &value);
    if (!fits || (!negative && mt_mul_i64(value, -1, &value)))
        return false;
    *out = value;
    *text = at;
    return true;
}

/* Reads the digits without point and leading zeros, and the power of ten that scales them. */
static const char *read_digits(const char *at, char *digits, size_t *n, long *exponent)
{
    const char *start = at;
    bool point = false, any = false;
    *n = 0;
    *exponent = 0;
    for (; (is_digit(*at) || (*at == '.' && !point)) && at - start < MAX_LENGTH; at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        any = true;
        bool kept = *n < MAX_DIGITS && (*n > 0 || *at != '0');
        if (kept)
            digits[(*n)++] = *at;
        *exponent += !kept && *n > 0 && !point;
        *exponent -= point && (kept || *n == 0);
    }
    return any && at - start < MAX_LENGTH ? at : NULL;
}

static const char *read_exponent(const char *at, long *exponent)
{
    const char *behind = at + 1;
    if (*at != 'e' && *at != 'E')
        return at;
    bool negative = *behind == '-';
    long value = 0;
    behind += *behind == '-' || *behind == '+';
    if (!is_digit(*behind))
        return at;
    for (; is_digit(*behind); behind++)
        value = value < MAX_EXPONENT ? value * 10 + (*behind - '0') : value;
    *exponent += negative ? -value : value;
    return behind;
}

/* strtod() accepts only the decimal point of the locale. So the number is passed without one: 0.25 as 25e-2. */
bool mt_parse_real(const char **text, double *out)
{
    char number[MAX_DIGITS + 32] = "0"; /* if all digits are zeros */
    size_t n;
    long exponent;
    const char *at = skip_blanks(*text);
    bool negative = *at == '-';
    *out = 0;
    at = read_digits(at + (*at == '-' || *at == '+'), number + 1, &n, &exponent);
    if (!at)
        return false;
    at = read_exponent(at, &exponent);
    snprintf(number + 1 + n, sizeof number - 1 - n, "e%ld", exponent);
    double value = strtod(number, NULL);
    if (!isfinite(value))
        return false;
    *out = negative ? -value : value;
    *text = at;
    return true;
}

bool mt_parse_digits(const char **text, int64_t *out)
{
    const char *start = *text;
    return *start >= '0' && *start <= '9' && mt_parse_integer(text, out) && (*start != '0' || *text == start + 1);
}

char *mt_write_digits(char *out, uint64_t value)
{
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n > 0)
        *out++ = digits[--n];
    return out;
}
