// Conversations in a closed loop: each sends its next message when the whole reply to the last one is there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "loop.h"

struct TurnsPlan {
  std::string address;
  // Conversation i is the i-th person's: the user's id and the token that speaks for it ("" for none).
  std::vector<std::string> users, tokens;
  std::string prefix;
  // Conversations that talk at the same time; each has its connection.
  int concurrency = 64;
  // Of each conversation; 0: until the time is up.
  int turns = 0;
  double seconds = 0;
};

struct TurnsResult {
  uint64_t completed = 0;
  double seconds = 0;
  std::vector<double> latencies_ms;
};

struct TurnOutcome {
  bool completed;
  int64_t sequence;
  std::string failure;
};

// One conversation's way to the server.
class Line {
public:
  virtual ~Line() = default;
  // Sends one message; `ended` is called once, when the turn has.
  virtual void say(const std::string &user, const std::string &token, const std::string &conversation,
                   const std::string &text, const std::string &request_id,
                   std::function<void(const TurnOutcome &)> ended) = 0;
};

// gRPC: ConversationService/SendText in WAIT mode. HTTP: POST /turns of peers/fastapi.
std::function<Line *(Loop &)> grpc_lines(const std::string &address);
std::function<Line *(Loop &)> http_lines(const std::string &address);

// Throws std::runtime_error at the first turn that did not complete, or whose sequence is not greater than the last.
TurnsResult run_turns(const TurnsPlan &plan, const std::function<Line *(Loop &)> &line);
