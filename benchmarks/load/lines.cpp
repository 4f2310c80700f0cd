// The two ways to say something: our gRPC service, and the peer's JSON over HTTP/1.1.

#include <cstdlib>

#include "grpc_connection.h"
#include "http_connection.h"
#include "turns.h"
#include "wire.h"

namespace {
class GRPCLine final : public Line {
public:
  GRPCLine(Loop &loop, const std::string &address) : connection_(loop, address) {}

  void say(const std::string &, const std::string &token, const std::string &conversation, const std::string &text,
           const std::string &request_id, std::function<void(const TurnOutcome &)> ended) override {
    std::string request;
    put(request, 1, conversation);
    put(request, 2, text);
    put(request, 3, request_id);
    put(request, 6, uint64_t{2}); // REPLY_MODE_WAIT
    outcome_ = {false, 0, "no answer"};
    connection_.start("/lifeecho.conversation.v1.ConversationService/SendText", "Bearer " + token, request,
                      {[this](std::string_view message) { read(message); },
                       [this, ended](int status, const std::string &text) {
                         if (status != 0) outcome_ = {false, 0, "grpc-status " + std::to_string(status) + " " + text};
                         ended(outcome_);
                       }});
  }

private:
  void read(std::string_view message) {
    WireReader reader(message);
    uint64_t state = 0;
    int pieces = 0;
    while (reader.next()) {
      if (reader.field == 3) outcome_.sequence = static_cast<int64_t>(reader.number);
      if (reader.field == 5) state = reader.number;
      if (reader.field == 6) pieces += 1;
    }
    outcome_.completed = !reader.failed && state == 3 && pieces > 0; // TURN_STATE_COMPLETED
    outcome_.failure = "turn_state " + std::to_string(state) + ", " + std::to_string(pieces) + " pieces";
  }

  GRPCConnection connection_;
  TurnOutcome outcome_;
};

class HTTPLine final : public Line {
public:
  HTTPLine(Loop &loop, const std::string &address) : connection_(loop, address) {}

  void say(const std::string &user, const std::string &, const std::string &conversation, const std::string &text,
           const std::string &request_id, std::function<void(const TurnOutcome &)> ended) override {
    std::string json = "{\"user_id\":\"" + user + "\",\"conversation_id\":\"" + conversation + "\",\"text\":\"" + text +
                       "\",\"request_id\":\"" + request_id + "\"}";
    connection_.post("/turns", json, [ended](int status, std::string_view body) {
      bool completed = status == 200 && body.find("\"turn_state\":\"completed\"") != body.npos;
      auto place = body.find("\"sequence\":");
      int64_t sequence = place == body.npos ? 0 : std::atoll(body.data() + place + 11);
      ended({completed, sequence, "HTTP " + std::to_string(status) + " " + std::string(body.substr(0, 300))});
    });
  }

private:
  HTTPConnection connection_;
};
} // namespace

std::function<Line *(Loop &)> grpc_lines(const std::string &address) {
  return [address](Loop &loop) { return new GRPCLine(loop, address); };
}

std::function<Line *(Loop &)> http_lines(const std::string &address) {
  return [address](Loop &loop) { return new HTTPLine(loop, address); };
}
