#include "request.h"

#include <stdbool.h>
#include <string.h>

#include "common.h"

/* What has been taken so far. */
struct progress {
    struct request *request;
    size_t arguments;
    size_t variables;
    bool graces;
};

static const char *take_argument(struct progress *progress, char *text)
{
    if (progress->arguments == MAX_ARGUMENTS)
        return "there are too many arguments";
    progress->request->arguments[progress->arguments++] = text;
    return NULL;
}

static const char *take_variable(struct progress *progress, char *text)
{
    if (progress->variables == MAX_VARIABLES)
        return "there are too many variables";
    if (*text == '=' || strchr(text, '=') == NULL)
        return "a variable has no name";
    progress->request->variables[progress->variables++] = text;
    return NULL;
}

static const char *take_folder(struct progress *progress, char *text)
{
    if (progress->request->folder != NULL)
        return "there are two working folders";
    if (*text != '/')
        return "the working folder is not absolute";
    progress->request->folder = text;
    return NULL;
}

static const char *take_graces(struct progress *progress, const char *content, size_t length)
{
    struct request *request = progress->request;

    if (progress->graces || length != 8)
        return "the graces must be given once, in eight bytes";
    progress->graces = true;
    request->eof_grace = get_u32(content);
    request->term_grace = get_u32(content + 4);
    if (request->eof_grace > MAX_GRACE || request->term_grace > MAX_GRACE)
        return "a grace is longer than an hour";
    return NULL;
}

static const char *take_field(struct progress *progress, char tag, char *content, size_t length)
{
    if (tag == 'G')
        return take_graces(progress, content, length);
    if (memchr(content, 0, length) != NULL)
        return "a text holds a zero byte";
    switch (tag) {
    case 'A':
        return take_argument(progress, content);
    case 'E':
        return take_variable(progress, content);
    case 'C':
        return take_folder(progress, content);
    default:
        return "a field is of no known kind";
    }
}

static const char *missing(const struct progress *progress)
{
    const struct request *request = progress->request;

    if (progress->arguments == 0)
        return "no program is given";
    if (request->arguments[0][0] != '/')
        return "the program's path is not absolute";
    if (request->folder == NULL)
        return "no working folder is given";
    return progress->graces ? NULL : "no graces are given";
}

const char *request_decode(unsigned char *bytes, size_t size, struct request *request)
{
    struct progress progress = {.request = request};
    size_t at = 0;

    memset(request, 0, sizeof *request);
    while (at < size) {
        if (size - at < FIELD_HEAD)
            return "a field is cut off";
        char *content = (char *)bytes + at;
        char tag = *content;
        size_t length = get_u32(content + 1);
        if (length > size - at - FIELD_HEAD)
            return "a field is longer than the request";
        at += FIELD_HEAD + length;
        /* The head gives way, which leaves room for the zero that ends the text. */
        memmove(content, content + FIELD_HEAD, length);
        content[length] = 0;
        const char *wrong = take_field(&progress, tag, content, length);
        if (wrong != NULL)
            return wrong;
    }
    return missing(&progress);
}
