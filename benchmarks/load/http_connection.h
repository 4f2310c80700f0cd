// An HTTP/1.1 client connection with keep-alive: one POST of JSON at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "stream_socket.h"

class HTTPConnection final : public StreamSocket {
public:
  using StreamSocket::StreamSocket;

  void post(const std::string &path, const std::string &json, std::function<void(int status, std::string_view)> ended);

private:
  void received(const char *bytes, size_t count) override;
  void ended() override;

  std::string response_;
  std::function<void(int, std::string_view)> waiting_;
};
