// A phone's WebSocket on one thread's epoll loop: non-blocking from the first SYN on, masks with zeros (legal, and the
// load's own work stays small), offers permessage-deflate only when told, and then does not read what it gets.
#pragma once

#include <netinet/in.h>

#include <string>
#include <string_view>

#include "../../load/loop.h"

struct Address {
  // "127.0.0.1:PORT". Throws std::runtime_error.
  explicit Address(const std::string &text);
  sockaddr_in name{};
};

class PhoneSocket : public Watcher {
public:
  PhoneSocket(Loop &loop, const Address &address, const std::string &path, bool offers_deflate = false);
  ~PhoneSocket() override;
  PhoneSocket(const PhoneSocket &) = delete;

  void ready(uint32_t events) final;
  // Bytes made by `text_frame`. Queues what the kernel does not take.
  void send(std::string_view frame);
  // Everything sent is with the kernel.
  bool is_drained() const { return unsent_.empty(); }
  // Resets the connection: no TIME_WAIT, no close handshake.
  void reset();

  static std::string text_frame(std::string_view text);

protected:
  virtual void opened() {}
  virtual void message(std::string_view text) = 0;
  virtual void drained() {}
  // It could not be opened, or the peer ended it. Nothing comes after it.
  virtual void ended(const std::string &reason) = 0;

private:
  enum class State { connecting, upgrading, open, closed };
  void flush();
  void received();
  bool parse_frame();
  void end(const std::string &reason);
  void watch();

  Loop &loop_;
  int descriptor_ = -1;
  State state_ = State::connecting;
  std::string request_, unsent_, received_, parts_;
  size_t parsed_ = 0;
  bool wants_writable_ = true;
};
