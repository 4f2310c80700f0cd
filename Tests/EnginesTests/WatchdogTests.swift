import Testing

@testable import Engines

@Suite struct WatchdogTests {
  private static func forever() async throws {
    try await Task.sleep(for: .seconds(600))
  }

  /// The wait that is going on counts, also when an earlier one would have lasted longer.
  @Test func aShorterWaitTakesOver() async throws {
    let watchdog = Watchdog(total: .seconds(600), "the whole reply")
    await #expect(throws: ExchangeFailure.timedOut("the next text")) {
      try await watchdog.watch {
        watchdog.expect("the first text", within: .seconds(300))
        for _ in 0..<10 { await Task.yield() }
        watchdog.expect("the next text", within: .milliseconds(20))
        try await Self.forever()
      }
    }
  }

  @Test func aLongerWaitIsGranted() async throws {
    let watchdog = Watchdog(total: .seconds(600), "the whole reply")
    let result = try await watchdog.watch {
      watchdog.expect("the first text", within: .milliseconds(500))
      watchdog.expect("the next text", within: .seconds(300))
      // Longer than the first wait; far below the second on any machine.
      try await Task.sleep(for: .milliseconds(700))
      return "whole"
    }
    #expect(result == "whole")
  }

  @Test func theTotalIsTheLimit() async throws {
    let watchdog = Watchdog(total: .milliseconds(20), "the whole reply")
    await #expect(throws: ExchangeFailure.timedOut("the whole reply")) {
      try await watchdog.watch {
        watchdog.expect("the first text", within: .seconds(300))
        try await Self.forever()
      }
    }
  }

  @Test func cancellationEndsIt() async throws {
    let watchdog = Watchdog(total: .seconds(600), "the whole reply")
    let watching = Task { try await watchdog.watch { try await Self.forever() } }
    watching.cancel()
    await #expect(throws: CancellationError.self) { try await watching.value }
  }
}
