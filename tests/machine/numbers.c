/* Every width of integer, with its multiplications, divisions and shifts, by values in corners as often as not. */
#include "start.h"

static u64 corner(u64 *seed) {
    u64 value = next(seed);
    switch (value & 7) {
    case 0: return 0;
    case 1: return -1UL;
    case 2: return 1UL << (value >> 58);
    case 3: return (u64)(i64)(i32)(value >> 8);
    case 4: return -(value >> 56);
    default: return value;
    }
}

u64 run(void) {
    u64 seed = 0x9e3779b97f4a7c15UL, sum = 0;
    for (int i = 0; i < 20000; i++) {
        u64 a = corner(&seed), b = corner(&seed);
        u32 c = a, d = b;
        sum = (sum << 7 | sum >> 57) ^ (u64)((unsigned __int128)a * b >> 64);
        sum += (u64)((__int128)(i64)a * (i64)b >> 64) + a * b;
        if (b) sum ^= a / b + a % b;
        if (d) sum ^= (u64)(c / d) << 20 ^ c % d;
        if (b && b + 1) sum += (i64)a / (i64)b ^ (i64)a % (i64)b;
        if (d && d + 1) sum += (i64)((i32)c / (i32)d) ^ (i64)((i32)c % (i32)d);
        sum ^= (a << (b & 63)) + (a >> (b & 63)) + (u64)((i64)a >> (b & 63));
        sum += (u64)(i64)(i32)(c << (d & 31)) ^ (c >> (d & 31)) ^ (u64)((i32)c >> (d & 31));
        sum ^= (a << 8 | a >> 56) + (a < b) + ((i64)a < (i64)b) + (c << 1 | c >> 31);
        sum += (u64)(i64)(signed char)a + (u16)b + (u64)(i64)(short)a + (a & ~b) + (a | ~b);
    }
    return sum;
}
