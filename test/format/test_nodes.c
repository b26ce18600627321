/* SPDX-License-Identifier: BSD-3-Clause */
/* The cache of nodes of a tree: each is kept once, and large documents are not. */
#include "engine/context.h"
#include "format/tree/tree.h"
#include "support/support.h"

#include <microtome/microtome.h>

static void nodes_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int n; /* values of the document beside itself */
        bool is_kept;
    } cases[] = {
        { "a", 2, true }, { "a", 1, true }, { "b", 500000, false }, { "c", 300000, true }, { "d", 300000, false }
    };
    static const int first_size = 2; /* the first node of a path stays */
    mt_context *context;
    mt_nodes *nodes;
    mt_error err = MT_ERROR_INIT;
    check_ok(mt_context_new(NULL, &context, &err), &err);
    check_ok(mt_nodes_new(&context->env, &nodes, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mt_node node = { .kind = MT_NODE_ARRAY, .path = cases[i].path, .document = json_array() }, found;
        for (int k = 0; k < cases[i].n; k++)
            assert_int_equal(json_array_append_new(node.document, json_null()), 0);
        mt_nodes_keep(nodes, &node);
        assert_int_equal(mt_nodes_find(nodes, cases[i].path, &found), cases[i].is_kept);
        if (cases[i].is_kept) {
            assert_int_equal(json_array_size(found.document), i < 2 ? first_size : cases[i].n);
            mt_node_free(&found);
        }
        mt_node_free(&node);
    }
    mt_nodes_free(nodes);
    mt_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nodes_are_kept) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
