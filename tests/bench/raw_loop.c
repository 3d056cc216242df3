/* SPDX-License-Identifier: Apache-2.0
 *
 * raw_loop ADDRESS PORT ZONE FIRST COUNT WINDOW BATCH: the yardstick of a sweep.
 *
 * The least that a program can do that asks a list about COUNT addresses from FIRST on: one connected socket,
 * at most WINDOW questions open, an answer known by its id and then forgotten. It verifies nothing, waits for
 * no time-out of its own and repeats nothing: what is lost is lost. BATCH 1 is send() and recv(), more is
 * sendmmsg() and recvmmsg(). Prints the seconds that passed, the processor seconds and the answers.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

enum { HEADER = 12, MESSAGE = 512, BATCH_MAX = 64, IDS = 65536, SILENCE_S = 2 };

struct loop {
    int udp;
    uint32_t first;
    uint32_t count;
    uint32_t window;
    uint32_t batch;
    uint8_t zone[256]; /* as in a message, type and class behind it */
    size_t zone_length;
    uint32_t asked;
    uint32_t answered;
    uint32_t open;
    bool is_open[IDS]; /* by id, which is the low half of the number of a question */
    uint8_t buffers[BATCH_MAX][MESSAGE];
    struct iovec vectors[BATCH_MAX];
    struct mmsghdr messages[BATCH_MAX];
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void put_zone(struct loop *l, const char *zone) {
    static const uint8_t a_in[] = {0, 0, 1, 0, 1};
    uint8_t *at = l->zone;
    while (*zone != '\0') {
        size_t label = strcspn(zone, ".");
        if (label == 0 || label > 63 || at + label + 1 + sizeof a_in > l->zone + sizeof l->zone) {
            fprintf(stderr, "raw_loop: no zone\n");
            exit(1);
        }
        *at++ = (uint8_t)label;
        memcpy(at, zone, label);
        at += label;
        zone += label + (zone[label] == '.');
    }
    memcpy(at, a_in, sizeof a_in);
    l->zone_length = (size_t)(at - l->zone) + sizeof a_in;
}

static uint8_t *put_octet(uint8_t *at, unsigned octet) {
    unsigned digits = octet > 99 ? 3 : octet > 9 ? 2 : 1;
    *at = (uint8_t)digits;
    for (unsigned i = digits; i > 0; i--, octet /= 10)
        at[i] = (uint8_t)('0' + octet % 10);
    return at + 1 + digits;
}

/* The next question; its length. */
static size_t put_question(struct loop *l, uint8_t *buffer) {
    uint16_t id = (uint16_t)l->asked;
    uint32_t ip = l->first + l->asked++;
    memcpy(buffer, (uint8_t[HEADER]){(uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1}, HEADER);
    uint8_t *at = buffer + HEADER;
    for (unsigned shift = 0; shift < 32; shift += 8)
        at = put_octet(at, ip >> shift & 255);
    memcpy(at, l->zone, l->zone_length);
    l->is_open[id] = true;
    l->open++;
    return (size_t)(at - buffer) + l->zone_length;
}

static uint32_t room(const struct loop *l) {
    uint32_t left = l->count - l->asked;
    return left < l->window - l->open ? left : l->window - l->open;
}

static void take_answer(struct loop *l, const uint8_t *message, size_t length) {
    uint16_t id = (uint16_t)(message[0] << 8 | message[1]);
    if (length < HEADER || !l->is_open[id])
        return;
    l->is_open[id] = false;
    l->open--;
    l->answered++;
}

static void give_up(struct loop *l) {
    memset(l->is_open, 0, sizeof l->is_open);
    l->open = 0;
}

static void turn_single(struct loop *l) {
    uint8_t *buffer = l->buffers[0];
    while (room(l) > 0) {
        size_t length = put_question(l, buffer);
        if (send(l->udp, buffer, length, 0) < 0)
            fail("send");
    }
    ssize_t length = recv(l->udp, buffer, MESSAGE, 0);
    if (length < 0)
        give_up(l);
    else
        take_answer(l, buffer, (size_t)length);
}

static void turn_batch(struct loop *l) {
    for (uint32_t n; (n = room(l)) > 0;) {
        n = n < l->batch ? n : l->batch;
        for (uint32_t i = 0; i < n; i++)
            l->vectors[i].iov_len = put_question(l, l->buffers[i]);
        for (uint32_t sent = 0; sent < n;) {
            int now = sendmmsg(l->udp, l->messages + sent, n - sent, 0);
            if (now < 0)
                fail("sendmmsg");
            sent += (uint32_t)now;
        }
    }
    for (uint32_t i = 0; i < l->batch; i++)
        l->vectors[i].iov_len = MESSAGE;
    int n = recvmmsg(l->udp, l->messages, l->batch, MSG_WAITFORONE, NULL);
    if (n < 0)
        give_up(l);
    for (int i = 0; i < n; i++)
        take_answer(l, l->buffers[i], l->messages[i].msg_len);
}

static void open_socket(struct loop *l, const char *address, const char *port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    struct timeval silence = {.tv_sec = SILENCE_S};
    l->udp = socket(AF_INET, SOCK_DGRAM, 0);
    if (l->udp < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
        setsockopt(l->udp, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) != 0 ||
        connect(l->udp, (struct sockaddr *)&to, sizeof to) != 0)
        fail(address);
    for (unsigned i = 0; i < BATCH_MAX; i++) {
        l->vectors[i].iov_base = l->buffers[i];
        l->messages[i].msg_hdr = (struct msghdr){.msg_iov = &l->vectors[i], .msg_iovlen = 1};
    }
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_used(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
    static struct loop l;
    struct in_addr first;
    if (argc != 8 || inet_pton(AF_INET, argv[4], &first) != 1) {
        fprintf(stderr, "usage: raw_loop ADDRESS PORT ZONE FIRST COUNT WINDOW BATCH\n");
        return 2;
    }
    l.first = ntohl(first.s_addr);
    l.count = (uint32_t)strtoul(argv[5], NULL, 10);
    l.window = (uint32_t)strtoul(argv[6], NULL, 10);
    l.batch = (uint32_t)strtoul(argv[7], NULL, 10);
    if (l.window < 1 || l.window >= IDS || l.batch < 1 || l.batch > BATCH_MAX) {
        fprintf(stderr, "raw_loop: a window of 1 to %d, a batch of 1 to %d\n", IDS - 1, BATCH_MAX);
        return 2;
    }
    put_zone(&l, argv[3]);
    open_socket(&l, argv[1], argv[2]);
    double begin = seconds_now();
    while (l.asked < l.count || l.open > 0) {
        if (l.batch == 1)
            turn_single(&l);
        else
            turn_batch(&l);
    }
    printf("%.6f %.6f %u\n", seconds_now() - begin, seconds_used(), l.answered);
    return 0;
}
