/* SPDX-License-Identifier: Apache-2.0
 *
 * app: the only place that knows both core and edge; owns everything.
 */
#ifndef RBL_APP_H
#define RBL_APP_H

/* The whole program; returns its exit code: 0 done, 1 it cannot run or the configuration is bad, 2 bad usage.
 */
int app_main(int argc, char **argv);

#endif
