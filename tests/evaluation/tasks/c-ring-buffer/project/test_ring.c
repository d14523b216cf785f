#include "ring.h"

#include <stdio.h>

static int failures;

static void expect(bool holds, const char *what)
{
    if (!holds) {
        printf("FAILED: %s\n", what);
        failures++;
    }
}

int main(void)
{
    struct ring ring;
    unsigned char byte = 0;

    ring_init(&ring);
    expect(!ring_get(&ring, &byte), "an empty ring gives nothing");
    for (int i = 0; i < RING_SIZE; i++) {
        expect(ring_put(&ring, (unsigned char)i), "there is room for RING_SIZE bytes");
    }
    expect(ring_count(&ring) == RING_SIZE, "a full ring counts RING_SIZE");
    expect(!ring_put(&ring, 99), "a full ring takes no more");
    for (int i = 0; i < RING_SIZE; i++) {
        expect(ring_get(&ring, &byte) && byte == i, "bytes come out in their order");
    }
    for (int i = 0; i < 3 * RING_SIZE; i++) {
        expect(ring_put(&ring, (unsigned char)i), "it goes round");
        expect(ring_get(&ring, &byte) && byte == i, "and round");
    }
    expect(ring_count(&ring) == 0, "it is empty in the end");
    if (failures == 0) {
        puts("ok");
    }
    return failures != 0;
}
