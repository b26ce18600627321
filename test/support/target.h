/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets in the temporary folder (support/folder.h). Objects are texts. */
#ifndef MT_TEST_TARGET_H
#define MT_TEST_TARGET_H

#include "store/target.h"
#include "support/folder.h"
#include "support/support.h"

extern mt_env target_env; /* of open_target; set anew by the setup of TARGET_TEST, whose teardown finds it empty */
int set_up_target(void **state);
int tear_down_target(void **state);
#define TARGET_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_target, tear_down_target)

mt_target *open_target(const char *name, mt_sync sync);

/* In three pieces. */
mt_status publish(mt_target *target, const char *key, const char *text, mt_error *err);
void publish_ok(mt_target *target, const char *key, const char *text);

void check_object(mt_target *target, const char *key, const char *text);
void check_absent(mt_target *target, const char *key);
void check_names(mt_target *target, const char *prefix, const char *expected); /* "a b " */
void check_message(const mt_error *err, const char *text);                     /* is a part of it */

/* Number of files below a folder of the temporary folder, temporary ones included. */
int count_files(const char *name);

#endif
