#include "audio.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <stdexcept>

#include "grpc_connection.h"
#include "wire.h"

namespace {
using Clock = std::chrono::steady_clock;

constexpr int kLastSegment = 4095;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// What the built-in recogniser reads, then bytes that do not compress, as of audio.
const std::string kWords = std::string("LIFEECHO-TEST-AUDIO\n那时候。") + '\0';

std::string recording(size_t bytes) {
  std::string text = kWords;
  text.resize(std::max(bytes, kWords.size() + 16), '\0');
  uint64_t state = 0x9e3779b97f4a7c15ULL;
  for (size_t i = kWords.size(); i + 8 <= text.size(); i += 8) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    std::memcpy(&text[i], &state, 8);
  }
  return text;
}

class Run {
public:
  explicit Run(const AudioPlan &plan) : plan_(plan), content_(recording(plan.segment_bytes)) {
    for (size_t i = 0; i < plan.sessions; i++) {
      speakers_.emplace_back();
      speakers_.back().connection = std::make_unique<GRPCConnection>(loop_, plan.address);
      speakers_.back().person = i;
    }
  }

  AudioResult run() {
    start_ = Clock::now();
    for (auto &speaker : speakers_) begin(speaker);
    while (speaking_ > 0) {
      loop_.turn(1000);
      if (!failure_.empty()) throw std::runtime_error(failure_);
    }
    result_.seconds = seconds_since(start_);
    return std::move(result_);
  }

private:
  struct Speaker {
    std::unique_ptr<GRPCConnection> connection;
    size_t person = 0;
    int32_t stream = 0;
    int session = 0, next = 0;
    bool finished = false;
    std::deque<Clock::time_point> sent;
  };

  void begin(Speaker &speaker) {
    speaking_ += 1;
    const auto &user = plan_.users[speaker.person % plan_.users.size()];
    speaker.next = 0;
    speaker.finished = false;
    speaker.stream = speaker.connection->open(
        "/lifeecho.conversation.v1.ConversationService/StreamAudio",
        "Bearer " + plan_.tokens[speaker.person % plan_.users.size()],
        {[this, &speaker](std::string_view answer) { answered(speaker, answer); },
         [this, &speaker](int status, const std::string &text) { ended(speaker, status, text); }});
    std::string config, request;
    put(config, 1, plan_.prefix + user);
    put(config, 2, "session-" + std::to_string(speaker.session++));
    put(request, 1, config);
    speaker.connection->push(speaker.stream, request);
    for (int i = 0; i < plan_.window; i++) say(speaker);
  }

  void say(Speaker &speaker) {
    if (speaker.finished) return;
    int last = plan_.last_index < 0 ? kLastSegment : plan_.last_index;
    bool late = plan_.last_index < 0 && seconds_since(start_) >= plan_.seconds;
    if (speaker.next > last || late) {
      speaker.finished = true;
      speaker.connection->finish(speaker.stream);
      return;
    }
    // Ten segments a second of speech.
    std::string duration, segment, request;
    put(duration, 2, uint64_t{100'000'000});
    put(segment, 1, uint64_t(speaker.next));
    // Every segment's bytes differ.
    std::memcpy(&content_[kWords.size()], &speaker.next, sizeof speaker.next);
    put(segment, 2, std::string_view(content_));
    put(segment, 3, duration);
    if (speaker.next == plan_.last_index) put(segment, 4, uint64_t{1});
    put(request, 2, segment);
    speaker.next += 1;
    speaker.sent.push_back(Clock::now());
    speaker.connection->push(speaker.stream, request);
  }

  void answered(Speaker &speaker, std::string_view answer) {
    WireReader reader(answer);
    while (reader.next())
      if (reader.field == 5) failure_ = "a segment was refused";
    if (reader.failed || speaker.sent.empty()) failure_ = "an answer that was not asked for";
    if (!failure_.empty()) return;
    result_.latencies_ms.push_back(seconds_since(speaker.sent.front()) * 1000);
    speaker.sent.pop_front();
    say(speaker);
  }

  void ended(Speaker &speaker, int status, const std::string &text) {
    speaking_ -= 1;
    if (status != 0 || !speaker.sent.empty()) {
      failure_ = "a stream ended: grpc-status " + std::to_string(status) + " " + text;
      return;
    }
    if (seconds_since(start_) < plan_.seconds) begin(speaker);
  }

  const AudioPlan &plan_;
  std::string content_;
  Loop loop_;
  std::vector<Speaker> speakers_;
  int speaking_ = 0;
  Clock::time_point start_;
  AudioResult result_;
  std::string failure_;
};
} // namespace

AudioResult run_audio(const AudioPlan &plan) { return Run(plan).run(); }
