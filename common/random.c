/* SPDX-License-Identifier: MIT */
/* Numbers that look random: see random.h. */
#include "common/random.h"

#include <math.h>

double random_exponential(double u)
{
    double means = -log(u);

    return means < RANDOM_MOST_MEANS ? means : RANDOM_MOST_MEANS;
}
