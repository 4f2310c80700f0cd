// One thread's epoll loop.
#pragma once

#include <sys/epoll.h>

#include <stdexcept>

class Watcher {
public:
  virtual ~Watcher() = default;
  virtual void ready(uint32_t events) = 0;
};

class Loop {
public:
  Loop() : descriptor_(epoll_create1(EPOLL_CLOEXEC)) {
    if (descriptor_ < 0) throw std::runtime_error("epoll_create1");
  }

  // Level triggered; `watcher` must live until the descriptor is closed.
  void add(int descriptor, uint32_t events, Watcher *watcher) { control(EPOLL_CTL_ADD, descriptor, events, watcher); }
  void change(int descriptor, uint32_t events, Watcher *watcher) {
    control(EPOLL_CTL_MOD, descriptor, events, watcher);
  }

  // Serves what is ready, waiting at most `wait_ms`.
  void turn(int wait_ms) {
    epoll_event events[256];
    int count = epoll_wait(descriptor_, events, 256, wait_ms);
    for (int i = 0; i < count; i++) static_cast<Watcher *>(events[i].data.ptr)->ready(events[i].events);
  }

private:
  void control(int operation, int descriptor, uint32_t events, Watcher *watcher) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = watcher;
    if (epoll_ctl(descriptor_, operation, descriptor, &event) != 0) throw std::runtime_error("epoll_ctl");
  }

  int descriptor_;
};
