// Makes a fast disk slow: every fsync and fdatasync takes at least SLOW_FSYNC_US microseconds more.
//
// A laptop's or a virtual machine's disk often only pretends; a real one takes about a millisecond.
// Build: cc -shared -fPIC -O2 -o slow_fsync.so slow_fsync.c -ldl
// Use: LD_PRELOAD=…/slow_fsync.so SLOW_FSYNC_US=1000 postgres …

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static void wait_for_the_disk(void) {
  static long delay_us = -1;
  if (delay_us < 0) {
    const char *text = getenv("SLOW_FSYNC_US");
    delay_us = text ? atol(text) : 1000;
  }
  int saved = errno;
  struct timespec time = {delay_us / 1000000, delay_us % 1000000 * 1000};
  nanosleep(&time, NULL);
  errno = saved;
}

int fdatasync(int descriptor) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_for_the_disk();
  return real(descriptor);
}

int fsync(int descriptor) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_for_the_disk();
  return real(descriptor);
}
