/* SPDX-License-Identifier: Apache-2.0
 *
 * origin: whether a request was made by somebody who uses this exporter, or by a page of somebody else's that
 * a browser of theirs has open.
 *
 * A foreign page can make a browser send a form anywhere. Browsers say so: in Sec-Fetch-Site (to secure
 * origins and to localhost only), and for what is no GET in Origin, always. Programs say neither, and nobody
 * can make them send what they do not want to.
 *
 * It does not help against a page whose host name is made to lead here (DNS rebinding): to the browser that
 * is one site. Only a proxy that demands a password, or knows by which names it is called, does.
 */
#ifndef RBL_CORE_ORIGIN_H
#define RBL_CORE_ORIGIN_H

#include <stdbool.h>

/* Whether a request that spends something may be answered: the headers Sec-Fetch-Site ("same-origin" or
 * "none"), Origin (the scheme http or https, and the value of Host, each with the scheme's default port or
 * without) and Host, as they came; "" for one that is not there. Origin "null" is foreign. `external` is the
 * origin under which a proxy shows the exporter, which is its own whatever Host says: "https://host" or
 * "https://host:port"; "" if there is none. */
bool origin_is_own(const char *fetch_site, const char *origin, const char *host, const char *external);

#endif
