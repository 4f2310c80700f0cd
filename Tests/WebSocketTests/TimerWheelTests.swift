import NIOCore
import NIOEmbedded
import Testing

@testable import WebSocket

struct TimerWheelTests {
  private final class Entry: LoopEntry {
    private(set) var calls = 0
    func deadlineReached(now_s: UInt32) { calls += 1 }
    func drain(_ code: WebSocketCloseCode, reason: String) {}
    func drop() {}
  }

  @Test(arguments: [1, 2, 63, 64, 65, 127, 128, 300]) func dueInTheRightSecond(seconds: UInt32) {
    var wheel = TimerWheel(now_s: 1_000)
    let entry = Entry()
    _ = wheel.add(entry, due_s: 1_000 + seconds)
    for second in UInt32(1)...400 {
      let due = wheel.advance()
      #expect(due.contains { $0 === entry } == (second == seconds))
    }
  }

  @Test func laterAndEarlier() {
    var wheel = TimerWheel(now_s: 0)
    let entry = Entry()
    let key = wheel.add(entry, due_s: 20)
    wheel.schedule(key, due_s: 5)
    wheel.schedule(key, due_s: 30)
    var calls: [UInt32] = []
    while wheel.now_s < 100 { if !wheel.advance().isEmpty { calls.append(wheel.now_s) } }
    #expect(calls == [30])
    wheel.schedule(key, due_s: 110)
    wheel.schedule(key, due_s: nil)
    while wheel.now_s < 200 { #expect(wheel.advance().isEmpty) }
  }

  @Test func aDeadlineInThePastIsDueNext() {
    var wheel = TimerWheel(now_s: 50)
    _ = wheel.add(Entry(), due_s: 3)
    #expect(wheel.advance().count == 1)
  }

  /// The wheel stands still while nobody is in it; who comes then has all of the time.
  @Test func aDeadlineAfterSilenceIsNotEarly() {
    let eventLoop = EmbeddedEventLoop()
    let loop = WebSocketLoop(eventLoop: eventLoop, settings: SessionSettings(WebSocketConfiguration()))
    loop.remove(loop.add(Entry(), due_s: loop.now_s + 10))
    eventLoop.advanceTime(by: .seconds(100))
    let entry = Entry()
    _ = loop.add(entry, due_s: loop.now_s + 10)
    eventLoop.advanceTime(by: .seconds(8))
    #expect(entry.calls == 0)
    eventLoop.advanceTime(by: .seconds(3))
    #expect(entry.calls == 1)
  }

  @Test func placesAreUsedAgainButNotConfused() {
    var wheel = TimerWheel(now_s: 0)
    let first = wheel.add(Entry(), due_s: 10)
    wheel.remove(first)
    wheel.remove(first)
    let entry = Entry()
    let second = wheel.add(entry, due_s: 20)
    #expect(second.slot == first.slot)
    wheel.schedule(first, due_s: 5)
    var calls: [UInt32] = []
    while wheel.now_s < 100 { if !wheel.advance().isEmpty { calls.append(wheel.now_s) } }
    #expect(calls == [20])
    #expect(wheel.count == 1)
    wheel.remove(second)
    #expect(wheel.count == 0)
    #expect(wheel.entries.isEmpty)
  }

  @Test func manyEntriesAndRemovals() throws {
    var random = SystemRandomNumberGenerator()
    var wheel = TimerWheel(now_s: 0)
    var live: [ObjectIdentifier: (entry: Entry, key: TimerWheel.Key, due_s: UInt32)] = [:]
    for _ in 0..<500 {
      for _ in 0..<5 {
        let entry = Entry()
        let due_s = wheel.now_s + UInt32.random(in: 1...150, using: &random)
        live[ObjectIdentifier(entry)] = (entry, wheel.add(entry, due_s: due_s), due_s)
      }
      if let victim = live.randomElement(using: &random) {
        wheel.remove(victim.value.key)
        live[victim.key] = nil
      }
      let due = Set(wheel.advance().map { ObjectIdentifier($0) })
      let expected = Set(live.filter { $0.value.due_s == wheel.now_s }.keys)
      try #require(due == expected)
      for id in due {
        if let entry = live[id] { wheel.remove(entry.key) }
        live[id] = nil
      }
      #expect(wheel.count == live.count)
    }
  }
}
