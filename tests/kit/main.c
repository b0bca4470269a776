/* SPDX-License-Identifier: MIT */
/* Linked into the test programs that have no main() of their own. */
#include "tests/kit/suite.h"

int main(void)
{
    return suite_run();
}
