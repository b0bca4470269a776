/* SPDX-License-Identifier: MIT */
/**
 * @file merge.h
 * `echo-client report A.json B.json ...`: runs of several machines, or of several times, in one
 * report.
 */
#ifndef CLIENT_MERGE_H
#define CLIENT_MERGE_H

/**
 * Merge the runs and report on all together. The seconds are those in which at least one of them
 * ran: a gap between runs does not count, and no second counts twice.
 *
 * @param argv  from "report" on
 * @return      the program's exit status
 */
int merge_reports(int argc, char *argv[]);

#endif /* CLIENT_MERGE_H */
