/* SPDX-License-Identifier: Apache-2.0
 *
 * replay FILE-OR-DIR...: gives each file to LLVMFuzzerTestOneInput() once, those of a folder in the order of
 * their names, so that a corpus is a test that any compiler can build. Exits 0 and says how many there were;
 * 1 if one cannot be read, or there was none.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_replayed;

static int complain(const char *path) {
    fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    return 1;
}

/* The input gets a block of just its size: the address sanitizer then sees a look at the byte behind it. */
static int replay_bytes(FILE *file, size_t size, const char *path) {
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL)
        return complain(path);
    int failed = fread(data, 1, size, file) == size ? 0 : complain(path);
    if (!failed) {
        LLVMFuzzerTestOneInput(data, size);
        n_replayed++;
    }
    free(data);
    return failed;
}

static int replay_file(const char *path, size_t size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return complain(path);
    int failed = replay_bytes(file, size, path);
    fclose(file);
    return failed;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int replay(const char *path);

static int replay_folder(const char *path) {
    struct dirent **entries;
    int failed = 0;
    int n = scandir(path, &entries, is_visible, alphasort);
    if (n < 0)
        return complain(path);
    for (int i = 0; i < n; i++) {
        char *inner = NULL;
        if (asprintf(&inner, "%s/%s", path, entries[i]->d_name) < 0)
            failed = complain(path);
        else
            failed |= replay(inner);
        free(inner);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

static int replay(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0)
        return complain(path);
    return S_ISDIR(about.st_mode) ? replay_folder(path) : replay_file(path, (size_t)about.st_size);
}

int main(int argc, char **argv) {
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    printf("%u inputs replayed\n", n_replayed);
    return failed || n_replayed == 0;
}
