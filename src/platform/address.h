/* SPDX-License-Identifier: BSD-3-Clause */
/* Network addresses and sockets. */
#ifndef MT_PLATFORM_ADDRESS_H
#define MT_PLATFORM_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* Formats an address (a struct sockaddr of size bytes) as "10.1.2.3" or "fe80::1"; false if it is not IPv4 or IPv6. */
bool mt_address_text(const void *address, size_t size, char *out, size_t room);

/* Whether an address is private, link-local, loopback or reserved, or an IPv6 address that maps to such an IPv4
 * address. Source: the special-purpose registries of RFC 6890. False if text is not an address. */
bool mt_address_is_private(const char *text);

/* Opens a socket with close-on-exec set; -1 on failure. */
int mt_socket_open(int family, int type, int protocol);

#endif
