#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void same(const char *what, const char *wanted, const char *got)
{
    if (strcmp(wanted, got) != 0) {
        printf("FAILED: %s: wanted [%s], got [%s]\n", what, wanted, got);
        failures++;
    }
}

static void trimmed(const char *text, const char *wanted)
{
    char buffer[64];
    strcpy(buffer, text);
    same("trim", wanted, trim(buffer));
}

int main(void)
{
    trimmed("  two words \t\n", "two words");
    trimmed("", "");
    trimmed(" \n ", "");
    trimmed("\xc3\xa4 ", "\xc3\xa4");

    const char *parts[] = {"a", "b", "c"};
    for (int i = 0; i < 50; i++) {
        char *filler = malloc(16 + (size_t)i);
        memset(filler, 'x', 15);
        filler[15] = '\0';
        free(filler);
        char *joined = join(parts, i % 4, ", ");
        const char *wanted[] = {"", "a", "a, b", "a, b, c"};
        same("join", wanted[i % 4], joined);
        free(joined);
    }
    if (failures == 0) {
        puts("ok");
    }
    return failures != 0;
}
