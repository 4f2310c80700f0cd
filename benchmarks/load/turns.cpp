#include "turns.h"

#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>

namespace {
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// What people say; every conversation goes through them in turn.
const char *const kTexts[] = {
    "我小时候住在河边的老屋里,门前有一棵很大的槐树。",
    "我父亲是木匠,母亲在家里带我们兄妹四个。",
    "那时候上学要走五里路,冬天手都冻裂了。",
    "我十八岁进了纺织厂,一干就是二十年。",
    "我和老伴是经人介绍认识的,第一次见面是在公园门口。",
    "最难忘的是大女儿出生那天,下着大雪,我一路跑到医院。",
    "后来厂里效益不好,我就和几个老姐妹一起摆摊卖早点。",
    "现在退休了,每天早上打打太极拳,晚上给孙子讲故事。",
};

std::string uuid(std::mt19937_64 &random) {
  char text[37];
  uint64_t high = random(), low = random();
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xffff), static_cast<unsigned>(high & 0xfff),
                static_cast<unsigned>(0x8000 | (low >> 48 & 0x3fff)),
                static_cast<unsigned long long>(low & 0xffffffffffffULL));
  return text;
}

class Run {
public:
  Run(const TurnsPlan &plan, const std::function<Line *(Loop &)> &line) : plan_(plan), random_(std::random_device{}()) {
    for (int i = 0; i < plan.concurrency; i++) speakers_.push_back({std::unique_ptr<Line>(line(loop_)), size_t(i)});
  }

  TurnsResult run() {
    start_ = Clock::now();
    for (auto &speaker : speakers_) begin(speaker);
    while (talking_ > 0) {
      loop_.turn(1000);
      if (!failure_.empty()) throw std::runtime_error(failure_);
    }
    result_.seconds = seconds_since(start_);
    return std::move(result_);
  }

private:
  struct Speaker {
    std::unique_ptr<Line> line;
    size_t conversation;
    int turns = 0;
    int64_t sequence = 0;
  };

  void begin(Speaker &speaker) {
    if (speaker.conversation >= plan_.users.size()) return;
    talking_ += 1;
    say(speaker);
  }

  void say(Speaker &speaker) {
    const auto &user = plan_.users[speaker.conversation];
    auto sent = Clock::now();
    speaker.line->say(user, plan_.tokens[speaker.conversation], plan_.prefix + user, kTexts[speaker.turns % 8],
                      uuid(random_),
                      [this, &speaker, sent](const TurnOutcome &outcome) { ended(speaker, sent, outcome); });
  }

  void ended(Speaker &speaker, Clock::time_point sent, const TurnOutcome &outcome) {
    if (!outcome.completed || outcome.sequence <= speaker.sequence) {
      failure_ = "a turn did not complete: " + outcome.failure + " (sequence " + std::to_string(outcome.sequence) +
                 " after " + std::to_string(speaker.sequence) + ")";
      return;
    }
    speaker.sequence = outcome.sequence;
    speaker.turns += 1;
    result_.completed += 1;
    result_.latencies_ms.push_back(seconds_since(sent) * 1000);
    bool late = plan_.seconds > 0 && seconds_since(start_) >= plan_.seconds;
    if (!late && (plan_.turns == 0 || speaker.turns < plan_.turns)) {
      say(speaker);
      return;
    }
    talking_ -= 1;
    if (late) return;
    speaker.conversation += static_cast<size_t>(plan_.concurrency);
    speaker.turns = 0;
    speaker.sequence = 0;
    begin(speaker);
  }

  const TurnsPlan &plan_;
  Loop loop_;
  std::mt19937_64 random_;
  std::vector<Speaker> speakers_;
  int talking_ = 0;
  Clock::time_point start_;
  TurnsResult result_;
  std::string failure_;
};
} // namespace

TurnsResult run_turns(const TurnsPlan &plan, const std::function<Line *(Loop &)> &line) {
  return Run(plan, line).run();
}
