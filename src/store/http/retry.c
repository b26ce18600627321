/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/http/retry.h"

#include "base/number.h"

#include <curl/curl.h>

#define SECOND_NS UINT64_C(1000000000)
#define FIRST_WAIT_NS (SECOND_NS / 10)
#define LONGEST_WAIT_NS (15 * SECOND_NS)
#define LONGEST_ASKED_S 60
#define RETRIES_OF_UNKNOWN_HOST 3

bool mt_retry_code(int code)
{
    return code == 408 || code == 429 || code == 500 || code == 502 || code == 503 || code == 504;
}

bool mt_retry_allow(mt_retry_budget *budget, unsigned tries, unsigned most)
{
    if (tries > most || (!budget->answered && tries > RETRIES_OF_UNKNOWN_HOST) ||
        budget->retries >= budget->requests / 10 + 100)
        return false;
    budget->retries++;
    return true;
}

bool mt_http_date(const char *text, int64_t *out)
{
    *out = (int64_t)curl_getdate(text, NULL);
    return *out >= 0;
}

/* Seconds; -1 if the text is neither a number nor a date. Source: RFC 9110, 10.2.3. */
static int64_t seconds_asked(const char *text, int64_t now_utc)
{
    int64_t seconds;
    const char *at = text;
    if (mt_parse_integer(&at, &seconds) && *at == 0)
        return seconds < 0 ? -1 : seconds;
    int64_t date;
    if (!mt_http_date(text, &date))
        return -1;
    return date > now_utc ? date - now_utc : 0;
}

uint64_t mt_retry_wait_ns(unsigned tries, const char *retry_after, int64_t now_utc, uint64_t random)
{
    int64_t asked = *retry_after ? seconds_asked(retry_after, now_utc) : -1;
    if (asked > LONGEST_ASKED_S)
        return UINT64_MAX;
    uint64_t most = tries > 8 ? LONGEST_WAIT_NS : FIRST_WAIT_NS << (tries > 0 ? tries - 1 : 0);
    uint64_t wait = random % ((most < LONGEST_WAIT_NS ? most : LONGEST_WAIT_NS) + 1);
    return asked < 0 ? wait : (uint64_t)asked * SECOND_NS + wait % FIRST_WAIT_NS;
}
