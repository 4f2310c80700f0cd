// The load of the benchmarks: a foreign client in C++ over nghttp2, so that it is neither the service's own code nor
// the bottleneck.
//
// Usage (people: a file with one "USER TOKEN" a line; conversation ids are PREFIX and the user's id):
//   load people  ADDRESS SERVICE_TOKEN PEOPLE            makes each of them a premium user with a complete profile
//   load turns   grpc|http ADDRESS PEOPLE PREFIX CONCURRENCY TURNS SECONDS
//   load idle    ADDRESS PEOPLE PREFIX CONNECTIONS       one Connect a connection; prints "open", ends with its input
//   load audio   ADDRESS PEOPLE PREFIX SESSIONS WINDOW BYTES SECONDS LAST   StreamAudio, one connection a session; LAST:
//                                                        1 ends each session by its 50th segment, 0 by none
//   load insert  URL CONNECTIONS BYTES SECONDS           the bare INSERT of as many bytes
//   load check   ADDRESS COUNT                           health checks whose grpc-status and answer are looked at
// Prints one JSON object; anything unexpected ends it with code 1 and a sentence on stderr.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "audio.h"
#include "grpc_connection.h"
#include "turns.h"
#include "wire.h"

namespace {
void read_people(const std::string &path, std::vector<std::string> &users, std::vector<std::string> &tokens) {
  std::ifstream file(path);
  for (std::string user, token; file >> user >> token;) {
    users.push_back(user);
    tokens.push_back(token);
  }
  if (users.empty()) throw std::runtime_error("nobody in " + path);
}

// Runs `count` unary calls one after the other; `make` gives each request, `good` judges each answer.
void unary(const std::string &address, const std::string &path, const std::string &authorization, size_t count,
           const std::function<std::string(size_t)> &make, const std::function<bool(std::string_view)> &good) {
  Loop loop;
  GRPCConnection connection(loop, address);
  for (size_t i = 0; i < count; i++) {
    bool done = false, answered = false;
    int code = -1;
    std::string reason;
    connection.start(path, authorization, make(i),
                     {[&](std::string_view message) { answered = good(message); },
                      [&](int status, const std::string &text) { done = true, code = status, reason = text; }});
    while (!done) loop.turn(1000);
    if (code != 0 || !answered) throw std::runtime_error(path + ": grpc-status " + std::to_string(code) + " " + reason);
  }
}

int people(char **arguments) {
  std::vector<std::string> users, tokens;
  read_people(arguments[2], users, tokens);
  unary(
      arguments[0], "/lifeecho.user.v1.UserService/UpsertUser", std::string("Bearer ") + arguments[1], users.size(),
      [&](size_t i) {
        std::string user, request;
        put(user, 1, users[i]);
        put(user, 2, "王奶奶");
        put(user, 3, uint64_t{1946});
        put(user, 4, "苏州");
        put(user, 5, "苏州");
        put(user, 6, "纺织工人");
        put(user, 8, uint64_t{2}); // SUBSCRIPTION_TYPE_PREMIUM
        put(request, 1, user);
        return request;
      },
      [](std::string_view message) { return !message.empty(); });
  std::printf("{\"people\": %zu}\n", users.size());
  return 0;
}

int turns(char **arguments) {
  TurnsPlan plan;
  plan.address = arguments[1];
  read_people(arguments[2], plan.users, plan.tokens);
  plan.prefix = arguments[3];
  plan.concurrency = std::stoi(arguments[4]);
  plan.turns = std::stoi(arguments[5]);
  plan.seconds = std::stod(arguments[6]);
  auto lines = std::string(arguments[0]) == "grpc" ? grpc_lines(plan.address) : http_lines(plan.address);
  TurnsResult result = run_turns(plan, lines);
  auto &latencies = result.latencies_ms;
  std::sort(latencies.begin(), latencies.end());
  auto quantile = [&](double part) { return latencies[static_cast<size_t>(part * double(latencies.size() - 1))]; };
  std::printf("{\"turns\": %llu, \"seconds\": %.3f, \"p50_ms\": %.2f, \"p99_ms\": %.2f}\n",
              static_cast<unsigned long long>(result.completed), result.seconds, quantile(0.5), quantile(0.99));
  return 0;
}

int idle(char **arguments) {
  std::vector<std::string> users, tokens;
  read_people(arguments[1], users, tokens);
  size_t count = std::stoul(arguments[3]), open = 0, ended = 0;
  Loop loop;
  std::vector<std::unique_ptr<GRPCConnection>> connections;
  for (size_t i = 0; i < count; i++) {
    auto &user = users[i % users.size()];
    std::string request;
    put(request, 1, arguments[2] + std::to_string(i / users.size()) + user);
    put(request, 2, uint64_t{1}); // INTENT_INTERACTIVE
    connections.push_back(std::make_unique<GRPCConnection>(loop, arguments[0]));
    bool first = true;
    connections.back()->start("/lifeecho.conversation.v1.ConversationService/Connect",
                              "Bearer " + tokens[i % users.size()], request,
                              {[&open, first](std::string_view) mutable { open += first, first = false; },
                               [&ended](int status, const std::string &text) {
                                 ended += 1;
                                 std::fprintf(stderr, "a stream ended: grpc-status %d %s\n", status, text.c_str());
                               }});
    while (open + 32 < i + 1 && ended == 0) loop.turn(1000);
  }
  while (open < count && ended == 0) loop.turn(1000);
  if (ended > 0) return 1;
  std::printf("open\n");
  std::fflush(stdout);

  struct Input final : Watcher {
    bool at_end = false;
    void ready(uint32_t) override { at_end = true; }
  } input;
  loop.add(0, EPOLLIN, &input);
  while (!input.at_end) loop.turn(1000);
  std::printf("{\"streams\": %zu, \"ended\": %zu}\n", open, ended);
  return ended == 0 ? 0 : 1;
}

int print(AudioResult result) {
  auto &latencies = result.latencies_ms;
  std::sort(latencies.begin(), latencies.end());
  auto quantile = [&](double part) { return latencies[static_cast<size_t>(part * double(latencies.size() - 1))]; };
  std::printf("{\"segments\": %zu, \"seconds\": %.3f, \"p50_ms\": %.2f, \"p99_ms\": %.2f}\n", latencies.size(),
              result.seconds, quantile(0.5), quantile(0.99));
  return 0;
}

int audio(char **arguments) {
  AudioPlan plan;
  plan.address = arguments[0];
  read_people(arguments[1], plan.users, plan.tokens);
  plan.prefix = arguments[2];
  plan.sessions = std::stoul(arguments[3]);
  plan.window = std::stoi(arguments[4]);
  plan.segment_bytes = std::stoul(arguments[5]);
  plan.seconds = std::stod(arguments[6]);
  plan.last_index = std::string(arguments[7]) == "1" ? 49 : -1;
  return print(run_audio(plan));
}

int insert(char **arguments) {
  return print(run_inserts(arguments[0], std::stoi(arguments[1]), std::stoul(arguments[2]), std::stod(arguments[3])));
}

int check(char **arguments) {
  unary(
      arguments[0], "/grpc.health.v1.Health/Check", "", std::stoul(arguments[1]), [](size_t) { return std::string(); },
      [](std::string_view message) { return message == std::string_view("\x08\x01", 2); });
  std::printf("{\"checked\": %s}\n", arguments[1]);
  return 0;
}
} // namespace

int main(int argc, char **argv) {
  std::string command = argc > 1 ? argv[1] : "";
  try {
    if (command == "people" && argc == 5) return people(argv + 2);
    if (command == "turns" && argc == 9) return turns(argv + 2);
    if (command == "idle" && argc == 6) return idle(argv + 2);
    if (command == "audio" && argc == 10) return audio(argv + 2);
    if (command == "insert" && argc == 6) return insert(argv + 2);
    if (command == "check" && argc == 4) return check(argv + 2);
    std::cerr << "load: see the head of load/main.cpp\n";
    return 2;
  } catch (const std::exception &error) {
    std::cerr << "load " << command << ": " << error.what() << "\n";
    return 1;
  }
}
