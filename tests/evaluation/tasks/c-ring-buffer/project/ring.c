#include "ring.h"

void ring_init(struct ring *ring)
{
    ring->head = 0;
    ring->tail = 0;
}

size_t ring_count(const struct ring *ring)
{
    return (ring->head + RING_SIZE - ring->tail) % RING_SIZE;
}

bool ring_put(struct ring *ring, unsigned char byte)
{
    if (ring_count(ring) == RING_SIZE) {
        return false;
    }
    ring->data[ring->head] = byte;
    ring->head = (ring->head + 1) % RING_SIZE;
    return true;
}

bool ring_get(struct ring *ring, unsigned char *byte)
{
    if (ring_count(ring) == 0) {
        return false;
    }
    *byte = ring->data[ring->tail];
    ring->tail = (ring->tail + 1) % RING_SIZE;
    return true;
}
