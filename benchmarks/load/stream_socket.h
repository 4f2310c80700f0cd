// A non-blocking client socket with an outgoing buffer.
#pragma once

#include <string>

#include "loop.h"

class StreamSocket : public Watcher {
public:
  // `address`: 127.0.0.1:PORT or unix:PATH. Throws std::runtime_error when it cannot connect.
  StreamSocket(Loop &loop, const std::string &address);
  ~StreamSocket() override;
  StreamSocket(const StreamSocket &) = delete;

  void ready(uint32_t events) final;

protected:
  void send(const char *bytes, size_t count);
  virtual void received(const char *bytes, size_t count) = 0;
  // The peer closed it, or it failed. Nothing comes after it.
  virtual void ended() = 0;

private:
  void flush();
  void end();

  Loop &loop_;
  int descriptor_ = -1;
  std::string unsent_;
  bool wants_writable_ = false;
};
