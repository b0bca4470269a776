/* SPDX-License-Identifier: MIT */
/*
 * CPUs: see cpus-internal.h.
 *
 * The kernel enforces the quota of each cgroup on the way to the root, so the least one counts. In
 * /proc/self, `cgroup` has the path of the process in each hierarchy, and `mountinfo` has where a
 * hierarchy is mounted, and which of its directories is there: in a container that is seldom its
 * root. If the controller cpu has a hierarchy of its own (version 1), version 2 has no quota.
 * A file that cannot be read sets no limit.
 */
#include "pool/cpus-internal.h"

#include "pool/cancel-internal.h"
#include "pool/echopool.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t allowed_cpus(void)
{
    cpu_set_t set;
    long online;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than cpu_set_t knows */
    return online > 0 ? (uint32_t)online : 1;
}

/** The hierarchy that has the quota of this process. */
struct hierarchy {
    bool version_1;
    char *path; /**< of the cgroup of the process, from the hierarchy's root */
};

static FILE *open_at(const char *root, const char *directory, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s%s/%s", root, directory, name);

    return length > 0 && (size_t)length < sizeof path ? fopen(path, "re") : NULL;
}

/** Whether a word is in a list with commas between its words. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

/** Find the hierarchy, by lines like "4:cpu,cpuacct:/a/b" and "0::/a/b". @return a path, or none */
static struct hierarchy find_hierarchy(const char *root)
{
    struct hierarchy found = {0};
    FILE *file = open_at(root, "/proc/self", "cgroup");
    char *line = NULL;
    size_t size = 0;

    while (file != NULL && !found.version_1 && getline(&line, &size, file) > 0) {
        char *rest = line, *number, *controllers;

        line[strcspn(line, "\n")] = '\0';
        number = strsep(&rest, ":");
        controllers = strsep(&rest, ":");
        if (rest == NULL || (strcmp(number, "0") != 0 && !has_word(controllers, "cpu")))
            continue;
        free(found.path);
        found = (struct hierarchy){strcmp(number, "0") != 0, strdup(rest)};
    }
    free(line);
    if (file != NULL)
        fclose(file);
    return found;
}

/** Undo what the kernel does with blanks and backslashes in a mount point: three octal digits. */
static void unescape(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++)
        if (text[0] == '\\' && text[1] != '\0' && text[2] != '\0' && text[3] != '\0') {
            *to++ = (char)((text[1] & 7) << 6 | (text[2] & 7) << 3 | (text[3] & 7));
            text += 3;
        } else {
            *to++ = *text;
        }
    *to = '\0';
}

/**
 * Find the directory of the cgroup in a line of mountinfo:
 *
 *     36 35 98:0 /root /mount/point rw,noatime shared:1 - cgroup cgroup rw,cpu,cpuacct
 *
 * @return  the length of the mount point, with which the directory begins; 0: the line is about
 *          another hierarchy, or about a part of it that the cgroup is not in
 */
static size_t directory_by(char *line, const struct hierarchy *hierarchy, char *directory)
{
    char *top = NULL, *mount = NULL, *type, *options;
    size_t within;
    int length;

    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 5; i++) {
        top = mount;
        mount = strsep(&line, " ");
    }
    line = line != NULL ? strstr(line, "- ") : NULL;
    if (line == NULL)
        return 0;
    line += 2;
    type = strsep(&line, " ");
    strsep(&line, " ");
    options = line != NULL ? line : "";
    if (strcmp(type, hierarchy->version_1 ? "cgroup" : "cgroup2") != 0 ||
        (hierarchy->version_1 && !has_word(options, "cpu")))
        return 0;
    unescape(top);
    unescape(mount);
    within = strcmp(top, "/") == 0 ? 0 : strlen(top);
    if (strncmp(hierarchy->path, top, within) != 0 ||
        (hierarchy->path[within] != '/' && hierarchy->path[within] != '\0'))
        return 0;
    length = snprintf(directory, PATH_MAX, "%s%s", mount, hierarchy->path + within);
    return length < PATH_MAX ? strlen(mount) : 0;
}

/** Read a cgroup's quota. @return CPUs, or `most` if it has none or it is more */
static double quota_at(const char *root, const char *directory, bool version_1, double most)
{
    FILE *file = open_at(root, directory, version_1 ? "cpu.cfs_quota_us" : "cpu.max");
    double quota = -1, period = 0;

    if (file == NULL)
        return most;
    if (fscanf(file, "%lf %lf", &quota, &period) ==
        1) { /* version 1 has two files; "max" is none */
        FILE *other = open_at(root, directory, "cpu.cfs_period_us");

        if (other != NULL) {
            if (fscanf(other, "%lf", &period) != 1)
                period = 0;
            fclose(other);
        }
    }
    fclose(file);
    return quota > 0 && period > 0 && quota / period < most ? quota / period : most;
}

/**
 * Find the least quota among the cgroup of the process and those above it.
 *
 * @param least  set to the directory of that cgroup; "" if there is no quota below the allowed CPUs
 * @return       CPUs
 */
static double least_quota(const char *root, char least[static PATH_MAX])
{
    double share = allowed_cpus();
    struct hierarchy hierarchy = find_hierarchy(root);
    FILE *file = hierarchy.path != NULL ? open_at(root, "/proc/self", "mountinfo") : NULL;
    char directory[PATH_MAX], *line = NULL;
    size_t size = 0, mount = 0;

    least[0] = '\0';
    while (file != NULL && mount == 0 && getline(&line, &size, file) > 0)
        mount = directory_by(line, &hierarchy, directory);
    while (mount > 0) {
        double quota = quota_at(root, directory, hierarchy.version_1, share);

        if (quota < share)
            memcpy(least, directory, strlen(directory) + 1);
        share = quota;
        if (strlen(directory) <= mount)
            break;
        *strrchr(directory, '/') = '\0';
    }
    if (file != NULL)
        fclose(file);
    free(line);
    free(hierarchy.path);
    return share;
}

double cpu_share(const char *root)
{
    HOLD_CANCELLATION;
    char least[PATH_MAX];

    return least_quota(root, least);
}

bool cpu_throttling(const char *root, struct cpu_periods *periods)
{
    HOLD_CANCELLATION;
    char least[PATH_MAX], key[32];
    unsigned long long value;
    unsigned found = 0;
    FILE *file;

    (void)least_quota(root, least);
    file = least[0] != '\0' ? open_at(root, least, "cpu.stat") : NULL;
    if (file == NULL)
        return false;
    while (fscanf(file, "%31s %llu", key, &value) == 2) {
        if (strcmp(key, "nr_periods") == 0) {
            periods->all = value;
            found |= 1;
        } else if (strcmp(key, "nr_throttled") == 0) {
            periods->throttled = value;
            found |= 2;
        }
    }
    fclose(file);
    return found == 3;
}

unsigned ep_usable_cpus(void)
{
    double share = cpu_share("");
    unsigned whole = (unsigned)share;

    return share > whole ? whole + 1 : whole;
}
