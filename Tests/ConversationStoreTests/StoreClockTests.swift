import Conversation
import ConversationStore
import Foundation
import Logging
import Testing

/// A server whose machine's clock is wrong goes by the database's.
@Suite struct StoreClockTests {
  private struct WrongClock: WallClock {
    let minutes: Int64
    func now() -> Timestamp { Timestamp(microseconds: MachineClock().now().microseconds + minutes * 60_000_000) }
  }

  @Test("what is spoken on other servers is not given up", arguments: [11, -11] as [Int64])
  func wrongByElevenMinutes(minutes: Int64) async throws {
    let speaker = try await Speaker()
    speaker.now = MachineClock().now()
    try await speaker.say(Speaker.segment(0))
    let clock = StoreClock(machine: WrongClock(minutes: minutes))
    #expect(try await speaker.store.dueSessions(now: clock.now(), limit: 10).isEmpty == (minutes < 0))
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    try await clock.follow(speaker.store, logger: logger)
    #expect(abs(clock.now().microseconds - MachineClock().now().microseconds) < 60_000_000)
    #expect(try await speaker.store.dueSessions(now: clock.now(), limit: 10).isEmpty)
    speaker.now = clock.now()
    #expect(try await speaker.finish() == nil)
    // Tokens end by the machine's own clock.
    #expect(abs(clock.machineTime().microseconds - clock.now().microseconds) > 600_000_000)
  }
}
