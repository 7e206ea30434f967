/* Prints "before crash", then divides by zero in inner, called from outer, called from main: a trap whose frames have
   function names, files and lines. Without libc, so that this file is all that the debug information knows. */
typedef struct { const char *address; unsigned length; } Vector;

__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_write")))
int fd_write(int fd, const Vector *vectors, unsigned count, unsigned *written);

static volatile int zero;
volatile int result;

__attribute__((noinline)) static int inner(int n) {
  return n / zero;
}

__attribute__((noinline)) static int outer(int n) {
  return inner(n) + 1;
}

int main(void) {
  Vector before = {"before crash\n", 13};
  unsigned written;
  fd_write(1, &before, 1, &written);
  result = outer(12345);
  return 0;
}

__attribute__((export_name("_start"))) void _start(void) {
  main();
}
