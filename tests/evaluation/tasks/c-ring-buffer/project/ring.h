#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>

#define RING_SIZE 8

/* The newest RING_SIZE bytes; a full ring takes no more until something is read. */
struct ring {
    unsigned char data[RING_SIZE];
    size_t head; /* where the next byte is written */
    size_t tail; /* where the next byte is read */
};

void ring_init(struct ring *ring);
bool ring_put(struct ring *ring, unsigned char byte);
bool ring_get(struct ring *ring, unsigned char *byte);
size_t ring_count(const struct ring *ring);

#endif
