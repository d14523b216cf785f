#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

char *trim(char *text)
{
    char *start = text;
    while (isspace(*start)) {
        start++;
    }
    char *end = start + strlen(start);
    while (isspace(*end)) {
        *end-- = '\0';
    }
    return strcpy(text, start);
}

char *join(const char *const *parts, int count, const char *between)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        size += strlen(parts[i]) + strlen(between);
    }
    char *joined = malloc(size);
    for (int i = 0; i < count; i++) {
        strcat(joined, parts[i]);
        if (i < count) {
            strcat(joined, between);
        }
    }
    return joined;
}
