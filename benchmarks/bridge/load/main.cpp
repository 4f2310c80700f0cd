// The load of the bridge's benchmarks: phones in C++ on one epoll thread, a foreign client that is not the bottleneck,
// and says so: each result carries the load's own CPU time beside the time that passed.
//
// Usage (people: a file with one "USER TOKEN" a line; a phone's conversation is PREFIX-number-user):
//   bridge-load ping    ADDRESS PEOPLE PREFIX SOCKETS COUNT
//   bridge-load pings   ADDRESS PEOPLE PREFIX SOCKETS COUNT           eight at a time
//   bridge-load text    ADDRESS PEOPLE PREFIX SOCKETS COUNT
//   bridge-load audio   ADDRESS PEOPLE PREFIX SOCKETS COUNT BYTES     audio_segment with that many bytes of audio
//   bridge-load idle    ADDRESS PEOPLE PREFIX SOCKETS deflate|plain
//   bridge-load connect ADDRESS PEOPLE PREFIX AT_ONCE COUNT           to the first frame, then reset
//   bridge-load storm   ADDRESS PEOPLE PREFIX SOCKETS AT_ONCE         all opened, all kept
//   bridge-load pace    ADDRESS PEOPLE PREFIX SECONDS INTERVAL_MS     one good client's pings
//   bridge-load during  ADDRESS PEOPLE PREFIX reply|greeting|audio COUNT
//                       pings beside that work on the same socket, from the ping's last byte
// ping, pings, text, audio, connect, storm and pace print "ready" when they are, begin at a line of input, print one
// JSON object, and end with their input; idle prints "ready" when all are open. Anything unexpected: code 1, a sentence.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <vector>

#include "phone_socket.h"

namespace {
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

double own_cpu_s() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval &time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

bool is_type(std::string_view frame, std::string_view type) {
  auto at = frame.find("\"type\":\"");
  return at != frame.npos && frame.compare(at + 8, type.size(), type) == 0 && frame[at + 8 + type.size()] == '"';
}

long number(std::string_view frame, std::string_view name) {
  auto at = frame.find(name);
  return at == frame.npos ? -1 : std::strtol(frame.data() + at + name.size(), nullptr, 10);
}

bool is_whole_reply(std::string_view frame) {
  return is_type(frame, "agent_response") && number(frame, "\"index\":") + 1 == number(frame, "\"total\":");
}

const std::string ping_frame = PhoneSocket::text_frame(R"({"type":"ping","data":{}})");

struct People {
  People(const std::string &path, std::string prefix) : prefix(std::move(prefix)) {
    std::ifstream file(path);
    for (std::string user, token; file >> user >> token;) {
      users.push_back(user);
      tokens.push_back(token);
    }
    if (users.empty()) throw std::runtime_error("nobody in " + path);
  }
  std::string path(size_t phone) const {
    size_t i = phone % users.size();
    return "/ws/conversation/" + prefix + "-" + std::to_string(phone) + "-" + users[i] + "?token=" + tokens[i];
  }
  std::vector<std::string> users, tokens;
  std::string prefix;
};

// What all phones of a run share.
struct Run {
  Run(char **arguments) : address(arguments[0]), people(arguments[1], arguments[2]) {}
  Loop loop;
  Address address;
  People people;
  size_t open = 0, settled = 0, done = 0, asked = 0, count = 0;
  std::vector<double> latencies_ms;
  bool failed = false;
  std::string failure;
  void fail(const std::string &reason) {
    if (!failed) failure = reason;
    failed = true;
  }
  void turn_until(const std::function<bool()> &condition, double seconds_max, const char *what) {
    auto start = Clock::now();
    while (!condition()) {
      if (failed) throw std::runtime_error(failure);
      if (ms_since(start) > seconds_max * 1000) throw std::runtime_error(std::string("too late: ") + what);
      loop.turn(100);
    }
  }
};

// Input that is served by the loop, so that pings of the server are answered while waiting for it.
struct Input final : Watcher {
  explicit Input(Loop &loop) { loop.add(0, EPOLLIN, this); }
  void ready(uint32_t) override {
    char line[256];
    lines += read_line(line, sizeof line) ? 1 : 0;
  }
  bool read_line(char *line, int size) {
    if (std::fgets(line, size, stdin)) return true;
    at_end = true;
    return false;
  }
  int lines = 0;
  bool at_end = false;
};

struct Phone : PhoneSocket {
  Phone(Run &run, size_t number, bool deflate = false, const char *options = "")
      : PhoneSocket(run.loop, run.address, run.people.path(number) + options, deflate), run(run), number(number) {}
  void message(std::string_view text) override {
    if (is_first) {
      is_first = false;
      run.open += 1;
      first(text);
    } else {
      frame(text);
    }
  }
  void ended(const std::string &reason) override { run.fail("phone " + std::to_string(number) + ": " + reason); }
  virtual void first(std::string_view) {}
  virtual void frame(std::string_view) {}

  Run &run;
  size_t number;
  bool is_first = true;
};

// One question after the other, each sent when the last one is answered.
struct Asking : Phone {
  using Phone::Phone;
  virtual std::string question() = 0;
  virtual bool is_answer(std::string_view text) = 0;
  virtual size_t worth() const { return 1; }
  void ask() {
    if (run.asked >= run.count) return;
    run.asked += worth();
    start = Clock::now();
    send(question());
  }
  void frame(std::string_view text) override {
    if (is_type(text, "error")) return run.fail(std::string(text));
    if (!is_answer(text)) return;
    run.latencies_ms.push_back(ms_since(start));
    run.done += worth();
    ask();
  }
  Clock::time_point start;
};

struct Pinging final : Asking {
  using Asking::Asking;
  std::string question() override { return ping_frame; }
  bool is_answer(std::string_view text) override { return is_type(text, "pong"); }
};

// Several at once: what a message costs when the system calls are shared.
struct PingingInGroups final : Asking {
  static constexpr size_t group = 8;
  PingingInGroups(Run &run, size_t number) : Asking(run, number) {
    for (size_t i = 0; i < group; i++) frames += ping_frame;
  }
  std::string question() override { return frames; }
  bool is_answer(std::string_view text) override { return is_type(text, "pong") && ++answers % group == 0; }
  size_t worth() const override { return group; }
  std::string frames;
  size_t answers = 0;
};

struct Talking final : Asking {
  using Asking::Asking;
  std::string question() override {
    return text_frame(
        R"({"type":"text","data":{"text":"我小时候住在苏州城外的河边,门口有一棵老樟树,夏天全家人都在树下吃饭。"}})");
  }
  bool is_answer(std::string_view text) override { return is_whole_reply(text); }
};

std::string base64(size_t bytes) {
  static const char *alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::mt19937 random(7);
  std::string text;
  for (size_t i = 0; i < bytes / 3 * 4; i++) text += alphabet[random() % 64];
  if (bytes % 3 == 1) text += "AA==";
  if (bytes % 3 == 2) text += "AAA=";
  return text;
}

std::string audio_frame(size_t phone, size_t segment, const std::string &audio) {
  // A session has at most a few hundred segments, as a recording has.
  return PhoneSocket::text_frame(
      R"({"type":"audio_segment","data":{"voice_session_id":"recording-)" + std::to_string(phone) + "-" +
      std::to_string(segment / 256) + R"(","segment_index":)" + std::to_string(segment % 256) + R"(,"audio_base64":")" +
      audio + R"(","is_last":false,"duration":2}})");
}

// Segments have no answer: a ping after each group tells that they were read.
struct Recording final : Asking {
  static constexpr size_t group = 16;
  Recording(Run &run, size_t number, const std::string &audio) : Asking(run, number), audio(audio) {}
  std::string question() override {
    std::string frames;
    for (size_t i = 0; i < group; i++) frames += audio_frame(number, segment++, audio);
    return frames + ping_frame;
  }
  bool is_answer(std::string_view text) override { return is_type(text, "pong"); }
  size_t worth() const override { return group; }
  const std::string &audio;
  size_t segment = 0;
};

double quantile(std::vector<double> &values, double part) {
  if (values.empty()) return -1;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(part * double(values.size() - 1))];
}

void report(Run &run, size_t count, double seconds, double cpu_s, const std::string &more = "") {
  std::printf(
      "{\"count\": %zu, \"seconds\": %.4f, \"load_cpu_s\": %.4f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f%s}\n",
      count, seconds, cpu_s, quantile(run.latencies_ms, 0.5), quantile(run.latencies_ms, 0.99),
      quantile(run.latencies_ms, 1), more.c_str());
  std::fflush(stdout);
}

void say_ready(Run &run, Input &input) {
  std::printf("ready\n");
  std::fflush(stdout);
  run.turn_until([&] { return input.lines > 0 || input.at_end; }, 3600, "a line of input");
}

void until_end_of_input(Run &run, Input &input) {
  run.turn_until([&] { return input.at_end; }, 3600, "the end of input");
}

int closed_loop(char **arguments, const std::function<std::unique_ptr<Asking>(Run &, size_t)> &make) {
  Run run(arguments);
  size_t sockets = std::stoul(arguments[3]), count = std::stoul(arguments[4]);
  std::vector<std::unique_ptr<Asking>> phones;
  for (size_t i = 0; i < sockets; i++) phones.push_back(make(run, i));
  run.turn_until([&] { return run.open == sockets; }, 60, "every phone is open");
  auto go = [&](size_t some) {
    run.count = some, run.asked = run.done = 0;
    run.latencies_ms.clear();
    for (auto &phone : phones) phone->ask();
    run.turn_until([&] { return run.done >= run.asked && run.asked >= run.count; }, 600, "every answer");
  };
  go(std::max(count / 10, sockets)); // warm
  Input input(run.loop);
  say_ready(run, input);
  auto start = Clock::now();
  double cpu_s = own_cpu_s();
  go(count);
  report(run, run.done, ms_since(start) / 1000, own_cpu_s() - cpu_s);
  until_end_of_input(run, input);
  return 0;
}

int audio(char **arguments) {
  std::string content = base64(std::stoul(arguments[5]));
  return closed_loop(arguments, [&](Run &run, size_t i) { return std::make_unique<Recording>(run, i, content); });
}

int idle(char **arguments) {
  Run run(arguments);
  size_t sockets = std::stoul(arguments[3]);
  bool deflate = std::string(arguments[4]) == "deflate";
  std::vector<std::unique_ptr<Phone>> phones;
  for (size_t i = 0; i < sockets; i++) {
    phones.push_back(std::make_unique<Phone>(run, i, deflate));
    run.turn_until([&] { return run.open + 64 > i; }, 60, "the phones before are open");
  }
  run.turn_until([&] { return run.open == sockets; }, 60, "every phone is open");
  Input input(run.loop);
  std::printf("ready\n");
  std::fflush(stdout);
  until_end_of_input(run, input);
  std::printf("{\"count\": %zu}\n", run.open);
  return 0;
}

// Opens phones with at most so many on the way; `reset_them`: each is gone with its first frame.
struct Opening {
  struct One final : Phone {
    One(Opening &owner, size_t number) : Phone(owner.run, number), owner(owner), start(Clock::now()) {}
    void first(std::string_view) override {
      run.latencies_ms.push_back(ms_since(start));
      owner.on_the_way -= 1;
      if (owner.reset_them) {
        reset();
        owner.gone.push_back(number);
      }
    }
    void ended(const std::string &reason) override {
      if (!is_first) return run.fail("an open phone: " + reason);
      owner.refused += 1, owner.on_the_way -= 1;
      owner.refusal = reason;
      owner.gone.push_back(number);
    }
    Opening &owner;
    Clock::time_point start;
  };

  void all(size_t count, size_t at_once) {
    for (size_t i = 0; i < count;) {
      while (i < count && on_the_way < at_once) {
        on_the_way += 1;
        phones.emplace_back(std::make_unique<One>(*this, offset + i++));
        if (i % 64 == 0) break; // what arrived is served in between
      }
      run.loop.turn(on_the_way >= at_once ? 1000 : 0);
      sweep();
    }
    run.turn_until([&] { return on_the_way == 0; }, 120, "every phone is served");
    sweep();
    offset += count;
  }
  void sweep() {
    for (size_t number : gone) phones[number].reset();
    gone.clear();
  }

  Opening(Run &run, bool reset_them) : run(run), reset_them(reset_them) {}

  Run &run;
  bool reset_them;
  size_t on_the_way = 0, refused = 0, offset = 0;
  std::string refusal;
  std::vector<size_t> gone;
  std::vector<std::unique_ptr<One>> phones;
};

int connect_all(char **arguments, bool reset_them) {
  Run run(arguments);
  size_t first = std::stoul(arguments[3]), second = std::stoul(arguments[4]);
  size_t count = reset_them ? second : first, at_once = reset_them ? first : second;
  Opening opening(run, reset_them);
  if (reset_them) opening.all(count / 10 + at_once, at_once); // warm
  run.latencies_ms.clear();
  Input input(run.loop);
  say_ready(run, input);
  auto start = Clock::now();
  double cpu_s = own_cpu_s();
  opening.all(count, at_once);
  report(run, run.latencies_ms.size(), ms_since(start) / 1000, own_cpu_s() - cpu_s,
         ", \"refused\": " + std::to_string(opening.refused));
  if (opening.refused > 0) std::fprintf(stderr, "refused: %s\n", opening.refusal.c_str());
  until_end_of_input(run, input);
  return 0;
}

// Pings at a steady pace, whether or not the last one is answered; at most one on the way.
struct Pacing final : Phone {
  using Phone::Phone;
  void frame(std::string_view text) override {
    if (!is_type(text, "pong") || !waits) return;
    waits = false;
    run.latencies_ms.push_back(ms_since(start));
  }
  void ping() {
    waits = true;
    start = Clock::now();
    send(ping_frame);
  }
  bool waits = false;
  Clock::time_point start;
};

int pace(char **arguments) {
  Run run(arguments);
  double seconds = std::stod(arguments[3]), interval_ms = std::stod(arguments[4]);
  Pacing phone(run, 0);
  run.turn_until([&] { return run.open == 1; }, 30, "the phone is open");
  Input input(run.loop);
  say_ready(run, input);
  auto start = Clock::now();
  double cpu_s = own_cpu_s(), next_ms = 0;
  while (ms_since(start) < seconds * 1000 && !input.at_end) {
    if (run.failed) throw std::runtime_error(run.failure);
    double now_ms = ms_since(start);
    if (now_ms >= next_ms && !phone.waits) {
      phone.ping();
      next_ms = now_ms + interval_ms;
    }
    run.loop.turn(phone.waits ? 10 : std::max(0, int(next_ms - now_ms)));
  }
  // One that is still unanswered counts with what it has waited.
  if (phone.waits) run.latencies_ms.push_back(ms_since(phone.start));
  report(run, run.latencies_ms.size(), ms_since(start) / 1000, own_cpu_s() - cpu_s);
  return 0;
}

// One socket does the work and pings: each ping is timed from the moment its last byte is with the kernel.
struct Working final : Phone {
  // Protocol 2 confirms audio.
  Working(Run &run, size_t number) : Phone(run, number, false, "&v=2") {}
  void frame(std::string_view text) override {
    if (is_type(text, "error")) return run.fail(std::string(text));
    if (is_type(text, "pong") && waits) {
      waits = false;
      run.latencies_ms.push_back(ms_since(start));
    }
    if (is_type(text, "agent_response")) replies += is_whole_reply(text) ? 1 : 0;
    if (is_type(text, "audio_ack")) stored++;
  }
  void drained() override { start = Clock::now(); }
  void ping(std::string_view before = {}) {
    waits = true;
    send(std::string(before) + ping_frame);
    if (is_drained()) start = Clock::now();
  }
  bool waits = false;
  size_t replies = 0, stored = 0;
  Clock::time_point start;
};

int during(char **arguments) {
  Run run(arguments);
  std::string work = arguments[3];
  size_t count = std::stoul(arguments[4]), phones = 0, segment = 0;
  std::string content = work == "audio" ? base64(1 << 20) : "";
  std::unique_ptr<Working> phone;
  auto open = [&] {
    run.open = 0;
    phone = std::make_unique<Working>(run, phones++);
    run.turn_until([&] { return run.open == 1; }, 30, "the phone is open");
  };
  auto answered = [&] { run.turn_until([&] { return !phone->waits; }, 30, "a pong"); };
  // Pings until the reply is whole, a few milliseconds apart.
  auto ping_until_replied = [&](size_t replies) {
    while (phone->replies < replies) {
      phone->ping();
      answered();
      auto pause = Clock::now();
      while (ms_since(pause) < 5) run.loop.turn(1);
    }
  };
  auto text = PhoneSocket::text_frame(R"({"type":"text","data":{"text":"我还想说说我的父亲。"}})");
  double cpu_s = own_cpu_s();
  auto start = Clock::now();
  open();
  for (size_t i = 0; i < count; i++) {
    if (work == "greeting") {
      if (i > 0) open();
      ping_until_replied(1);
    } else if (work == "reply") {
      if (i == 0) run.turn_until([&] { return phone->replies > 0 || ms_since(start) > 3000; }, 30, "a greeting");
      size_t before = phone->replies;
      phone->send(text);
      ping_until_replied(before + 1);
    } else {
      phone->ping(audio_frame(0, segment++, content));
      answered();
      // More at once than can be stored is what backpressure is for, and another question.
      run.turn_until([&] { return phone->stored == segment; }, 30, "the audio is stored");
    }
  }
  report(run, run.latencies_ms.size(), ms_since(start) / 1000, own_cpu_s() - cpu_s);
  return 0;
}
} // namespace

int main(int argc, char **argv) {
  std::string command = argc > 1 ? argv[1] : "";
  try {
    if (command == "ping" && argc == 7)
      return closed_loop(argv + 2, [](Run &run, size_t i) { return std::make_unique<Pinging>(run, i); });
    if (command == "pings" && argc == 7)
      return closed_loop(argv + 2, [](Run &run, size_t i) { return std::make_unique<PingingInGroups>(run, i); });
    if (command == "text" && argc == 7)
      return closed_loop(argv + 2, [](Run &run, size_t i) { return std::make_unique<Talking>(run, i); });
    if (command == "audio" && argc == 8) return audio(argv + 2);
    if (command == "idle" && argc == 7) return idle(argv + 2);
    if (command == "connect" && argc == 7) return connect_all(argv + 2, true);
    if (command == "storm" && argc == 7) return connect_all(argv + 2, false);
    if (command == "pace" && argc == 7) return pace(argv + 2);
    if (command == "during" && argc == 7) return during(argv + 2);
    std::cerr << "bridge-load: see the head of bridge/load/main.cpp\n";
    return 2;
  } catch (const std::exception &error) {
    std::cerr << "bridge-load " << command << ": " << error.what() << "\n";
    return 1;
  }
}
