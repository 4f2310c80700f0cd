import TestSupport
import Testing

@testable import PostgreSQL

@Suite struct NotificationTests {
  private static let notify = Statement("notify", "SELECT pg_notify($1, $2)")

  @Test func notificationsArriveAndSurviveALostConnection() async throws {
    try await TestDatabase.withPool(connectionCount: 2) { pool in
      let channel = "Events \"a\""
      var events = pool.notifications(on: channel).makeAsyncIterator()
      #expect(await events.next() == .listening)
      _ = try await pool.query(Self.notify, [.text(channel), .text("一")])
      #expect(await events.next() == .notification(payload: "一"))
      _ = try await pool.query(
        Statement(
          "kill_listeners",
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%'"),
        [.text(pool.configuration.applicationName)])
      #expect(await events.next() == .listening)
      _ = try await pool.query(Self.notify, [.text(channel), .text("")])
      #expect(await events.next() == .notification(payload: ""))
    }
  }

  @Test func theStreamEndsWithThePoolAndWithImpossibleChannels() async throws {
    let stream = try await TestDatabase.withPool { pool in
      for await _ in pool.notifications(on: String(repeating: "x", count: 64)) { Issue.record("a name is 63 bytes") }
      return pool.notifications(on: "brief")
    }
    for await _ in stream {}
  }

  @Test func aReaderThatLeavesFreesItsConnection() async throws {
    try await TestDatabase.withPool { pool in
      let listeners = Statement(
        "listeners",
        "SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%'")
      let name = PostgreSQLValue.text(pool.configuration.applicationName)
      let reader = Task { for await _ in pool.notifications(on: "left") {} }
      try await waitUntil { try await pool.query(listeners, [name]).count == 1 }
      reader.cancel()
      try await waitUntil { try await pool.query(listeners, [name]).isEmpty }
    }
  }
}
