# SPDX-License-Identifier: BSD-3-Clause
"""A data set over image stacks; on its own, so that workers import no more than it needs."""


class Patches:
    def __init__(self, stacks):
        self.stacks = stacks

    def __len__(self):
        return 8 * len(self.stacks)

    def __getitem__(self, i):
        stack = self.stacks[i % len(self.stacks)]
        return stack.extract_patch(i % stack.data_shape[0], None, (i, i - 4), (16, 16))
