/* SPDX-License-Identifier: MIT */
/* pool/cpus: the CPU quota, in made-up trees of /proc and of the cgroups' file system. */
#include "pool/cpus-internal.h"
#include "pool/echopool.h"
#include "tests/kit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOUNT_2 "30 23 0:26 / /cg rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_1 "32 31 0:29 / /cg/cpu rw shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct\n"

static char root[64];

static void make_root(void)
{
    snprintf(root, sizeof root, "%s", suite_template());
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
    const char *command = suite_text("rm -rf '%s'", root);

    ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file;
    char *whole = suite_text("%s%s", root, path);

    for (char *slash = whole + strlen(root); (slash = strchr(slash + 1, '/')) != NULL;
         *slash = '/') {
        *slash = '\0';
        mkdir(whole, 0700);
    }
    file = fopen(whole, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

/** A tree, and the quota that is in it. At most four files of cgroups. */
struct tree {
    const char *cgroup, *mountinfo;
    struct {
        const char *path, *text;
    } files[4];
    double quota; /**< 0: none */
};

static const struct tree trees[] = {
    /* version 2 */
    {"0::/a/b\n", MOUNT_2, {{"/cg/a/b/cpu.max", "5000 100000\n"}}, 0.05},
    {"0::/a/b\n", MOUNT_2, {{"/cg/a/b/cpu.max", "max 100000\n"}}, 0},
    {"0::/a/b\n",
     MOUNT_2,
     {{"/cg/a/b/cpu.max", "90000 100000\n"}, {"/cg/a/cpu.max", "10000 50000\n"}},
     0.2},
    {"0::/a/b\n",
     MOUNT_2,
     {{"/cg/a/b/cpu.max", "10000 50000\n"}, {"/cg/a/cpu.max", "90000 100000\n"}},
     0.2},
    {"0::/a/b\n", MOUNT_2, {{"/cg/cpu.max", "30000 100000"}}, 0.3}, /* a container's own root */
    {"0::/\n", MOUNT_2, {{"/cg/cpu.max", "30000 100000\n"}}, 0.3},
    {"0::/\n", MOUNT_2, {{"/cg/cpu.max", ""}}, 0},
    {"0::/\n", MOUNT_2, {{"/cg/cpu.max", "0 100000"}}, 0},
    {"0::/\n", MOUNT_2, {{"/cg/cpu.max", "1000 0"}}, 0},
    {"0::/\n", MOUNT_2, {{NULL, NULL}}, 0},
    {"0::/\n", "", {{"/cg/cpu.max", "30000 100000\n"}}, 0},
    {"", MOUNT_2, {{"/cg/cpu.max", "30000 100000\n"}}, 0},
    {"nonsense\n0:\n:::\n", "31\n\n1 2 3 4 5 -\n- cgroup2\n", {{NULL, NULL}}, 0},
    /* only a part of the hierarchy is mounted, under a name with a blank */
    {"0::/box/a\n",
     "30 23 0:26 /box /c\\040g rw - cgroup2 none rw\n",
     {{"/c g/a/cpu.max", "10000 100000\n"}, {"/c g/cpu.max", "20000 100000\n"}},
     0.1},
    {"0::/boxes/a\n",
     "30 23 0:26 /box /cg rw - cgroup2 none rw\n",
     {{"/cg/cpu.max", "10000 100000\n"}},
     0},
    {"0::/boxes/a\n",
     "30 23 0:26 /box /other rw - cgroup2 none rw\n" MOUNT_2,
     {{"/cg/boxes/cpu.max", "10000 100000\n"}, {"/other/cpu.max", "1000 100000\n"}},
     0.1},
    /* version 1, also beside version 2 */
    {"3:cpuset:/x\n2:cpuacct,cpu:/a\n1:name=systemd:/a\n0::/a\n",
     "31 23 0:28 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n" MOUNT_1 MOUNT_2,
     {{"/cg/cpu/a/cpu.cfs_quota_us", "20000\n"},
      {"/cg/cpu/a/cpu.cfs_period_us", "100000\n"},
      {"/cg/a/cpu.max", "1000 100000\n"}},
     0.2},
    {"2:cpu,cpuacct:/a\n",
     MOUNT_1,
     {{"/cg/cpu/a/cpu.cfs_quota_us", "-1\n"},
      {"/cg/cpu/a/cpu.cfs_period_us", "100000\n"},
      {"/cg/cpu/cpu.cfs_quota_us", "25000\n"},
      {"/cg/cpu/cpu.cfs_period_us", "50000\n"}},
     0.5},
    {"2:cpu,cpuacct:/a\n", MOUNT_1, {{"/cg/cpu/a/cpu.cfs_quota_us", "20000\n"}}, 0},
    {"2:cpu:/docker/1f\n",
     "32 31 0:29 /docker/1f /cg/cpu rw - cgroup cgroup rw,cpu\n",
     {{"/cg/cpu/cpu.cfs_quota_us", "20000\n"}, {"/cg/cpu/cpu.cfs_period_us", "100000\n"}},
     0.2},
};

CASE_WITH("Core", make_root, remove_root)

LOOP_TEST(the_least_quota_counts, COUNT_OF(trees))
{
    const struct tree *tree = &trees[_i];

    write_file("/proc/self/cgroup", tree->cgroup);
    write_file("/proc/self/mountinfo", tree->mountinfo);
    for (int i = 0; i < 4 && tree->files[i].path != NULL; i++)
        write_file(tree->files[i].path, tree->files[i].text);
    ck_assert_double_eq_tol(cpu_share(root), tree->quota > 0 ? tree->quota : allowed_cpus(), 1e-9);
}

/* A quota of more CPUs than the affinity mask has says nothing. */
TEST(a_quota_gives_no_cpus)
{
    write_file("/proc/self/cgroup", "0::/\n");
    write_file("/proc/self/mountinfo", MOUNT_2);
    write_file("/cg/cpu.max", "999999999 1000\n");
    ck_assert_double_eq(cpu_share(root), allowed_cpus());
    ck_assert_double_eq(cpu_share("/nowhere/at/all"), allowed_cpus());
}

/* What stands in cpu.stat of the cgroup whose quota is the least, and of no other. */
TEST(throttled_periods_are_of_the_least_quota)
{
    struct cpu_periods periods = {0};

    write_file("/proc/self/cgroup", "0::/a/b\n");
    write_file("/proc/self/mountinfo", MOUNT_2);
    ck_assert(!cpu_throttling(root, &periods));
    write_file("/cg/a/b/cpu.max", "90000 100000\n");
    write_file("/cg/a/b/cpu.stat", "usage_usec 7\nnr_periods 1\nnr_throttled 1\n");
    write_file("/cg/a/cpu.max", "5000 100000\n");
    ck_assert(!cpu_throttling(root, &periods)); /* it has no cpu.stat */
    write_file("/cg/a/cpu.stat",
               "usage_usec 640000\nuser_usec 1\nsystem_usec 2\nnr_periods 128\nnr_throttled 66\n"
               "throttled_usec 5900000\n");
    ck_assert(cpu_throttling(root, &periods));
    ck_assert_uint_eq(periods.all, 128);
    ck_assert_uint_eq(periods.throttled, 66);
    write_file("/cg/a/cpu.stat", "usage_usec 640000\nnr_periods 128\n");
    ck_assert(!cpu_throttling(root, &periods));
    write_file("/cg/a/cpu.stat", "nonsense\n");
    ck_assert(!cpu_throttling(root, &periods));
}

TEST(at_least_one_is_usable)
{
    ck_assert_uint_ge(ep_usable_cpus(), 1);
    ck_assert_uint_le(ep_usable_cpus(), allowed_cpus());
}
