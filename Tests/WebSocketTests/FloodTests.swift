import Testing

@testable import WebSocket

/// Each rate limit is reached, and what is legitimate stays below it.
struct FloodTests {
  private func flood(_ frame: Frame, before: [Frame] = [], count: Int) -> (heard: [Heard], fed: Int) {
    var subject = Subject()
    for frame in before { _ = subject.feed(frame) }
    for index in 0..<count {
      let heard = subject.feed(frame)
      if let last = heard.last, case .ended = last { return (heard, index + 1) }
    }
    return ([], count)
  }

  @Test(arguments: [Frame.ping(), .ping(Array(repeating: 1, count: 125)), .pong()])
  func pingsAndPongs(frame: Frame) {
    let result = flood(frame, count: 1_000)
    #expect(result.heard == [.ended(1008, clean: false)])
    #expect(result.fed == 257)
  }

  @Test func emptyFragments() {
    let result = flood(.more("", isFinal: false), before: [.text("", isFinal: false)], count: 1_000)
    #expect(result.heard == [.ended(1008, clean: false)])
    #expect(result.fed == 64)
  }

  @Test func tinyFragments() {
    let result = flood(.more("x", isFinal: false), before: [.text("x", isFinal: false)], count: 5_000)
    #expect(result.heard == [.ended(1008, clean: false)])
    #expect(result.fed == 1_024)
  }

  @Test func tokensComeBackWithTime() {
    var subject = Subject(now_s: 100) { $0.keepalivePing_s = 0 }
    for _ in 0..<256 { #expect(subject.feed(.ping()) == []) }
    _ = subject.wait(until: 101)
    for _ in 0..<32 { #expect(subject.feed(.ping()) == []) }
    #expect(subject.feed(.ping()) == [.ended(1008, clean: false)])
  }

  @Test func smallMessagesAreNoFlood() {
    let result = flood(.text("x"), count: 10_000)
    #expect(result.fed == 10_000)
  }

  @Test(arguments: [
    (elapsed: UInt32(0), taken: 3), (1, 5), (3, 9), (1_000, 10), (UInt32.max, 10),
  ])
  func bucket(elapsed: UInt32, taken: Int) {
    let limit = RateLimit(burst: 10, perSecond: 2)
    var bucket = TokenBucket(limit, now_s: 0)
    let isTaken = bucket.take(7, limit, now_s: 0)
    #expect(isTaken)
    var count = 0
    while bucket.take(1, limit, now_s: elapsed) { count += 1 }
    #expect(count == taken)
  }

  @Test func bucketOfAClockThatGoesBack() {
    let limit = RateLimit(burst: 2, perSecond: 1)
    var bucket = TokenBucket(limit, now_s: 50)
    let first = bucket.take(2, limit, now_s: 50)
    let second = bucket.take(1, limit, now_s: 10)
    let third = bucket.take(1, limit, now_s: 11)
    #expect([first, second, third] == [true, false, true])
  }
}
