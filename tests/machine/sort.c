/* Quicksort: recursion, data-dependent branches, many pages. */
#include "start.h"

#define COUNT 20000
static u64 values[COUNT];

static void sort(u64 *v, i64 low, i64 high) {
    while (low < high) {
        u64 pivot = v[(low + high) / 2];
        i64 i = low, j = high;
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i > j) break;
            u64 held = v[i];
            v[i++] = v[j];
            v[j--] = held;
        }
        sort(v, low, j);
        low = i;
    }
}

u64 run(void) {
    u64 seed = 88172645463325252UL, sum = 0;
    for (u64 i = 0; i < COUNT; i++) values[i] = next(&seed);
    sort(values, 0, COUNT - 1);
    for (u64 i = 1; i < COUNT; i++) {
        if (values[i - 1] > values[i]) leave(127);
        sum = sum * 31 + values[i];
    }
    return sum;
}
