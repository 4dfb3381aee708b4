/* Bytes at every alignment, over the ends of leaves and pages, and jumps through a table. */
#include "start.h"

static u8 buffer[3 * 4096];

typedef struct __attribute__((packed)) {
    u8 a;
    u64 b;
    u16 c;
    u32 d;
} Record;

static u64 add(u64 x, u64 y) { return x + y; }
static u64 mix(u64 x, u64 y) { return x * 31 ^ y; }
static u64 turn(u64 x, u64 y) { return (x << 9 | x >> 55) - y; }
static u64 (*const table[])(u64, u64) = {add, mix, turn};

u64 run(void) {
    u64 seed = 42, sum = 0;
    for (u64 i = 0; i < 20000; i++) {
        u64 value = next(&seed);
        u8 *at = &buffer[value % (sizeof(buffer) - sizeof(Record))];
        Record *record = (Record *)at;
        record->b = value;
        record->d ^= record->c + record->a;
        record->c = value >> 17;
        at[3] ^= i;
        *(volatile u64 *)(at + 1) += *(volatile u32 *)at;
        *(volatile u16 *)(at + 2) = *(volatile short *)(at + 5);
        sum = table[value % 3](sum, record->b ^ record->d);
    }
    for (u64 i = 0; i < sizeof(buffer); i++) sum = sum * 33 + buffer[i];
    return sum;
}
