/*
 * The decoder of requests under input of every kind, built with sanitizers. `LLVMFuzzerTestOneInput` is for libFuzzer
 * (-DLIBFUZZER -fsanitize=fuzzer); without it, main makes requests from a fixed seed and damages most of them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "request.h"

enum { MAX_INPUT = 4096, MOST_FIELDS = 12, MOST_TEXT = 40, MOST_DAMAGE = 8 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static unsigned long accepted;

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void check_text(const char *text, const unsigned char *bytes, size_t size)
{
    const unsigned char *start = (const unsigned char *)text;

    require(start >= bytes && start < bytes + size, "a text lies outside the request");
    require(memchr(start, 0, (size_t)(bytes + size - start)) != NULL, "a text does not end within the request");
}

static void check_request(const struct request *request, const unsigned char *bytes, size_t size)
{
    accepted++;
    require(request->arguments[0] != NULL && request->arguments[0][0] == '/', "no absolute program");
    require(request->folder != NULL && request->folder[0] == '/', "no absolute folder");
    require(request->eof_grace <= MAX_GRACE && request->term_grace <= MAX_GRACE, "endless graces");
    check_text(request->folder, bytes, size);
    for (char *const *text = request->arguments; *text != NULL; text++)
        check_text(*text, bytes, size);
    for (char *const *text = request->variables; *text != NULL; text++) {
        check_text(*text, bytes, size);
        require(strchr(*text, '=') > *text, "a variable has no name");
    }
}

/* The bytes are copied to a place of exactly their size, so that a sanitizer sees every step beyond it. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct request request;
    unsigned char *bytes = malloc(size == 0 ? 1 : size);

    if (bytes == NULL)
        return 0;
    if (size > 0)
        memcpy(bytes, data, size);
    if (request_decode(bytes, size, &request) == NULL)
        check_request(&request, bytes, size);
    free(bytes);
    return 0;
}

#ifndef LIBFUZZER
static uint32_t random_below(uint32_t limit)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % limit;
}

static size_t put_field(unsigned char *at, char tag, const void *content, size_t size)
{
    at[0] = (unsigned char)tag;
    put_u32(at + 1, (uint32_t)size);
    memcpy(at + FIELD_HEAD, content, size);
    return FIELD_HEAD + size;
}

static size_t put_random_field(unsigned char *at)
{
    static const char *const starts[] = {"/", "A=", "=", ""};
    char text[MOST_TEXT];
    size_t size = random_below(sizeof text - 2);

    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + random_below(26));
    const char *start = starts[random_below(4)];
    size_t length = strlen(start);
    memcpy(text, start, length);
    return put_field(at, "AAEECGx"[random_below(7)], text, size < length ? length : size);
}

static size_t make_input(unsigned char *input)
{
    unsigned char graces[8];
    size_t size = 0;

    put_u32(graces, random_below(2 * MAX_GRACE));
    put_u32(graces + 4, random_below(MAX_GRACE));
    if (random_below(8) != 0)
        size += put_field(input + size, 'A', "/bin/true", 9);
    if (random_below(8) != 0)
        size += put_field(input + size, 'C', "/", 1);
    if (random_below(8) != 0)
        size += put_field(input + size, 'G', graces, sizeof graces);
    for (uint32_t fields = random_below(MOST_FIELDS); fields > 0; fields--)
        size += put_random_field(input + size);
    return size;
}

static size_t damage(unsigned char *input, size_t size)
{
    for (uint32_t times = random_below(MOST_DAMAGE); size > 0 && times > 0; times--)
        input[random_below((uint32_t)size)] = (unsigned char)random_below(256);
    return size > 0 && random_below(4) == 0 ? random_below((uint32_t)size) : size;
}

int main(int count, char **arguments)
{
    static unsigned char input[MAX_INPUT];
    uint32_t runs = parse_number(count == 2 ? arguments[1] : "", 100 * 1000 * 1000, "the number of runs");

    for (uint32_t i = 0; i < runs; i++) {
        size_t size = make_input(input);
        LLVMFuzzerTestOneInput(input, random_below(3) == 0 ? size : damage(input, size));
    }
    printf("%u runs, %lu accepted\n", runs, accepted);
    return 0;
}
#endif
