/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of the network. */
#ifndef MT_PLATFORM_ADDRESS_H
#define MT_PLATFORM_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* The text of an address (a struct sockaddr of so many bytes), such as "10.1.2.3" or "fe80::1"; false if it has none. */
bool mt_address_text(const void *address, size_t size, char *out, size_t room);

/* Whether an address is one that only this machine or its neighbours reach: private, link-local, loopback, reserved, or an
 * address of IPv6 that stands for such a one of IPv4. Source: the special-purpose registries of RFC 6890. What is no
 * address is not private. */
bool mt_address_is_private(const char *text);

/* A socket that is not inherited by other programs; -1 on failure. */
int mt_socket_open(int family, int type, int protocol);

#endif
