/* cpu guest: computes for about 120 ms and hardly calls the host. A sort, a matrix multiplication and a sieve, about 40 ms
   each, of numbers that are the same in every run; one of them alone by its name in argv[1]. Prints a checksum of each,
   so that none can be left out. Natively: cc -O2 cpu.c -o cpu */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NUMBERS 600000
#define SIDE 490
#define SIEVE 1000000
#define SIEVES 23

static uint32_t seed;
static uint32_t next(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  return seed ^= seed << 5;
}

static uint32_t numbers[NUMBERS];

static void sort(uint32_t *from, uint32_t *to) { /* quicksort of [from, to) */
  while (to - from > 16) {
    uint32_t pivot = from[(to - from) / 2], *left = from, *right = to - 1;
    while (left <= right) {
      while (*left < pivot) left++;
      while (*right > pivot) right--;
      if (left <= right) {
        uint32_t swapped = *left;
        *left++ = *right;
        *right-- = swapped;
      }
    }
    sort(from, right + 1);
    from = left;
  }
  for (uint32_t *at = from + 1; at < to; at++) {
    uint32_t value = *at, *hole = at;
    for (; hole > from && hole[-1] > value; hole--) *hole = hole[-1];
    *hole = value;
  }
}

static uint32_t sorted(void) {
  uint32_t sum = 0;
  seed = 1;
  for (int i = 0; i < NUMBERS; i++) numbers[i] = next();
  sort(numbers, numbers + NUMBERS);
  for (int i = 0; i < NUMBERS; i++) sum = sum * 31 + numbers[i];
  return sum;
}

static double a[SIDE][SIDE], b[SIDE][SIDE], product[SIDE][SIDE];

static double multiplied(void) { /* small whole numbers, so that the sums are exact */
  double sum = 0;
  seed = 2;
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) a[i][j] = next() % 100, b[i][j] = next() % 100;
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      double cell = 0;
      for (int k = 0; k < SIDE; k++) cell += a[i][k] * b[k][j];
      product[i][j] = cell;
    }
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) sum += product[i][j] * ((i ^ j) & 7);
  return sum;
}

static unsigned char composite[SIEVE];

static unsigned primes(void) {
  unsigned count = 0;
  for (unsigned round = 0; round < SIEVES; round++) {
    memset(composite, 0, SIEVE);
    for (unsigned n = 2; n < SIEVE - round; n++) {
      if (composite[n]) continue;
      count++;
      for (uint64_t multiple = (uint64_t)n * n; multiple < SIEVE; multiple += n) composite[multiple] = 1;
    }
  }
  return count;
}

int main(int argc, char **argv) {
  const char *only = argc > 1 ? argv[1] : "";
  int parts = 0;
  if (!*only || !strcmp(only, "sort")) parts++, printf("sort %08x\n", sorted());
  if (!*only || !strcmp(only, "matrix")) parts++, printf("matrix %.0f\n", multiplied());
  if (!*only || !strcmp(only, "sieve")) parts++, printf("sieve %u\n", primes());
  if (parts) return 0;
  fprintf(stderr, "unknown part %s\n", only);
  return 64;
}
