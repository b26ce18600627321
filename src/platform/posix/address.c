/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

typedef struct block {
    uint32_t first;
    unsigned bits;
} block;

static bool is_private_v4(uint32_t a)
{
    static const block blocks[] = {
        { 0x00000000, 8 },  /* this network */
        { 0x0a000000, 8 },  /* private */
        { 0x64400000, 10 }, /* carrier-grade NAT */
        { 0x7f000000, 8 },  /* loopback */
        { 0xa9fe0000, 16 }, /* link-local, where clouds keep credentials */
        { 0xac100000, 12 }, /* private */
        { 0xc0000000, 24 }, /* IETF protocols */
        { 0xc0a80000, 16 }, /* private */
        { 0xc6120000, 15 }, /* benchmarks */
        { 0xe0000000, 3 },  /* multicast, reserved, broadcast */
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if ((a ^ blocks[i].first) >> (32 - blocks[i].bits) == 0)
            return true;
    return false;
}

static uint32_t v4_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_private_v6(const uint8_t *a)
{
    static const uint8_t zeros[12], nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0 || memcmp(a, zeros, 12) == 0)
        return is_private_v4(v4_at(a + 12)); /* with :: and ::1, which lie in 0.0.0.0/8 */
    if (a[0] == 0x20 && a[1] == 0x02)        /* 6to4 */
        return is_private_v4(v4_at(a + 2));
    bool local = a[0] == 0xfe && a[1] >= 0x80; /* fe80::/10 link-local, fec0::/10 site-local */
    bool unique_local = (a[0] & 0xfe) == 0xfc;
    return local || unique_local || a[0] == 0xff;
}

bool mt_address_text(const void *address, size_t size, char *out, size_t room)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    sa_family_t family = AF_UNSPEC;
    if (size >= sizeof(struct sockaddr))
        family = ((const struct sockaddr *)address)->sa_family;
    if (family == AF_INET && size >= sizeof v4) {
        memcpy(&v4, address, sizeof v4);
        return inet_ntop(AF_INET, &v4.sin_addr, out, (socklen_t)room) != NULL;
    }
    if (family == AF_INET6 && size >= sizeof v6) {
        memcpy(&v6, address, sizeof v6);
        return inet_ntop(AF_INET6, &v6.sin6_addr, out, (socklen_t)room) != NULL;
    }
    return false;
}

bool mt_address_is_private(const char *text)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1)
        return is_private_v4(ntohl(v4.s_addr));
    return inet_pton(AF_INET6, text, &v6) == 1 && is_private_v6(v6.s6_addr);
}

int mt_socket_open(int family, int type, int protocol) { return socket(family, type | SOCK_CLOEXEC, protocol); }
