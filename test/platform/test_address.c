/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses that are not of the public network, at both ends of their blocks. */
#include "support/support.h"

#include "platform/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static void private_addresses(void **state)
{
    (void)state;
    static const char *const within[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.0",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "224.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:a00:1::1",
        "fe80::",
        "fec0::1",
        "feff::",
        "fc00::",
        "fdff::1",
        "ff00::",
        "ffff::1",
    };
    static const char *const outside[] = {
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9c::a00:1",
        "2002:808:808::1",
        "2003:a00:1::1",
        "2102:a00:1::1",
        "fe7f::1",
        "fb00::1",
        "2a00::1",
        "::1:0a00:1",
        "",
        "localhost",
        "10.0.0",
    };
    for (size_t i = 0; i < sizeof within / sizeof *within; i++)
        if (!mt_address_is_private(within[i]))
            fail_msg("%s", within[i]);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (mt_address_is_private(outside[i]))
            fail_msg("%s", outside[i]);
}

static void addresses_as_text(void **state)
{
    (void)state;
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr other = { .sa_family = AF_UNIX };
    char text[64] = "";
    inet_pton(AF_INET, "10.1.2.3", &v4.sin_addr);
    inet_pton(AF_INET6, "fe80::1", &v6.sin6_addr);
    assert_true(mt_address_text(&v4, sizeof v4, text, sizeof text));
    assert_string_equal(text, "10.1.2.3");
    assert_true(mt_address_text(&v6, sizeof v6, text, sizeof text));
    assert_string_equal(text, "fe80::1");
    assert_false(mt_address_text(&v4, sizeof v4, text, 8)); /* nine bytes with the NUL */
    assert_false(mt_address_text(&v6, sizeof v6, text, 7));
    assert_false(mt_address_text(&v4, sizeof v4 - 1, text, sizeof text));
    assert_false(mt_address_text(&v6, sizeof v6 - 1, text, sizeof text));
    assert_false(mt_address_text(&v6, sizeof other, text, sizeof text));
    assert_false(mt_address_text(&other, sizeof other, text, sizeof text));
    assert_false(mt_address_text(&v4, 0, text, sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_addresses),
        cmocka_unit_test(addresses_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
