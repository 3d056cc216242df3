/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/httpd_tls.h"

#include <stdatomic.h>
#include <stdlib.h>

struct httpd_tls {
    atomic_uint refs;
};

struct httpd_tls *httpd_tls_ref(struct httpd_tls *tls) {
    atomic_fetch_add(&tls->refs, 1);
    return tls;
}

void httpd_tls_unref(struct httpd_tls *tls) {
    if (!tls || atomic_fetch_sub(&tls->refs, 1) > 1)
        return;
    free(tls);
}
