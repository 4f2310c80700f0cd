// A gRPC client connection over nghttp2, cleartext, as little as the load needs: one request message a call.
#pragma once

#include <nghttp2/nghttp2.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "stream_socket.h"

class GRPCConnection final : public StreamSocket {
public:
  struct Call {
    // Each message as it comes.
    std::function<void(std::string_view)> message;
    // grpc-status, or -1 when the call ended without one.
    std::function<void(int status, const std::string &text)> ended;
  };

  GRPCConnection(Loop &loop, const std::string &address);
  ~GRPCConnection() override;

  // Extra metadata: `authorization`, without the field when empty.
  void start(const std::string &path, const std::string &authorization, const std::string &message, Call call);

  // A call whose request messages come one by one; `push` returns at once, `finish` ends the requests.
  int32_t open(const std::string &path, const std::string &authorization, Call call);
  void push(int32_t id, const std::string &message);
  void finish(int32_t id);

private:
  struct Stream;
  void received(const char *bytes, size_t count) override;
  void ended() override;
  int32_t submit(const std::string &path, const std::string &authorization, std::unique_ptr<Stream> stream);
  void write();
  static Stream *stream(nghttp2_session *session, int32_t id);

  nghttp2_session *session_ = nullptr;
  int open_ = 0;
  // nghttp2 may be neither fed nor drained from its own callbacks, where calls end and new ones start.
  bool in_session_ = false;
};
