#ifndef LIFEECHO_CLIBPQ_SHIM_H
#define LIFEECHO_CLIBPQ_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One readiness report, without the packed union of struct epoll_event. */
typedef struct {
  uint64_t token;
  uint32_t events;
} lifeecho_readiness;

static inline int lifeecho_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
  struct epoll_event event;
  event.events = events;
  event.data.u64 = token;
  return epoll_ctl(epoll, operation, fd, &event);
}

/* At most 64 reports; returns their count, 0 on timeout or when a signal interrupted the wait. */
static inline int lifeecho_epoll_wait(int epoll, lifeecho_readiness *reports, int capacity, int timeout_ms) {
  struct epoll_event events[64];
  if (capacity > 64) capacity = 64;
  int count = epoll_wait(epoll, events, capacity, timeout_ms);
  if (count < 0) return errno == EINTR ? 0 : -1;
  for (int i = 0; i < count; i++) {
    reports[i].token = events[i].data.u64;
    reports[i].events = events[i].events;
  }
  return count;
}

static inline void lifeecho_ignore_notice(void *context, const PGresult *result) {
  (void)context;
  (void)result;
}

/* Without this libpq prints the server's notices on standard error. */
static inline void lifeecho_ignore_notices(PGconn *connection) {
  PQsetNoticeReceiver(connection, lifeecho_ignore_notice, NULL);
}

/* An address for a value of no bytes; NULL would mean SQL's null. */
static inline const char *lifeecho_empty_value(void) { return ""; }

/* Declared here too: some C libraries hide them without _GNU_SOURCE, and a module may be built without it. */
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);
#ifndef POSIX_SPAWN_SETSID
#define POSIX_SPAWN_SETSID 0x80
#endif

/*
 * Starts `path` in a session of its own (no signal of our terminal reaches it), in directory "/", with default signal
 * handling. Descriptors 0, 1, 2 and 3 of the child are the given ones; -1 means /dev/null for 0 to 2 and closed for 3.
 * Every other descriptor is closed. Returns 0 or an errno.
 */
static inline int lifeecho_spawn(pid_t *pid, const char *path, char *const argv[], char *const envp[], int input,
                                 int output, int error, int fourth) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  int descriptors[4] = {input, output, error, fourth};
  int status = posix_spawn_file_actions_init(&actions);
  if (status != 0) return status;
  status = posix_spawnattr_init(&attributes);
  if (status != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return status;
  }
  sigfillset(&all);
  sigdelset(&all, SIGKILL);
  sigdelset(&all, SIGSTOP);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  for (int target = 0; status == 0 && target < 4; target++) {
    if (descriptors[target] >= 0)
      status = posix_spawn_file_actions_adddup2(&actions, descriptors[target], target);
    else if (target < 3)
      status = posix_spawn_file_actions_addopen(&actions, target, "/dev/null", target == 0 ? O_RDONLY : O_WRONLY, 0);
  }
  if (status == 0) status = posix_spawn_file_actions_addclosefrom_np(&actions, fourth >= 0 ? 4 : 3);
  if (status == 0) status = posix_spawn_file_actions_addchdir_np(&actions, "/");
  if (status == 0) status = posix_spawn(pid, path, &actions, &attributes, argv, envp);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return status;
}

/* A descriptor that becomes readable when the process ends, or -1 (kernel before 5.3). */
static inline int lifeecho_pidfd_open(pid_t pid) {
#ifdef SYS_pidfd_open
  return (int)syscall(SYS_pidfd_open, pid, 0);
#else
  (void)pid;
  errno = ENOSYS;
  return -1;
#endif
}

/* poll(2) of one descriptor, by a name that no Swift method hides. */
static inline int lifeecho_poll(struct pollfd *descriptor, int timeout_ms) { return poll(descriptor, 1, timeout_ms); }

/* Both ends close on exec. Not pipe2 by its own name: _GNU_SOURCE here would make this module's system types differ
   from those of Foundation's modules, and the compiler refuses to import both. */
extern int pipe2(int descriptors[2], int flags);
static inline int lifeecho_pipe(int *descriptors) { return pipe2(descriptors, O_CLOEXEC); }

static inline int lifeecho_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }

#endif
