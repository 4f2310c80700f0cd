import NIOCore
import Synchronization
import Testing

@testable import WebSocket

/// What handlers heard, in order; to be waited for from anywhere.
final class Journal: Sendable {
  private let lines = Mutex<[String]>([])

  func write(_ line: String) { lines.withLock { $0.append(line) } }
  var all: [String] { lines.withLock { $0 } }
  func count(of line: String) -> Int { all.filter { $0 == line }.count }
  func has(_ line: String) -> Bool { all.contains(line) }

  func wait(for line: String, count: Int = 1, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    try await waitUntil("\(count) × \(line) in \(all)", sourceLocation: sourceLocation) {
      self.count(of: line) >= count
    }
  }
}

/// Polls `condition` for at most 20 s.
func waitUntil(
  _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + .seconds(20)
  while ContinuousClock.now < deadline {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(5))
  }
  Issue.record("not in time: \(what)", sourceLocation: sourceLocation)
  throw CancellationError()
}

/// Writes down what it hears; `reply` does the rest.
final class Recorder: WebSocketHandler {
  private let journal: Journal
  private let connection: WebSocketConnection
  private let reply: @Sendable (WebSocketConnection, String) -> Void

  init(
    _ connection: WebSocketConnection, _ journal: Journal,
    reply: @escaping @Sendable (WebSocketConnection, String) -> Void = { _, _ in }
  ) {
    self.connection = connection
    self.journal = journal
    self.reply = reply
  }

  func opened(_ connection: WebSocketConnection) { note("opened") }
  func receivedText(_ text: ByteBuffer) { note(String(buffer: text)) }
  func receivedBinary(_ bytes: ByteBuffer) { note("\(bytes.readableBytes) bytes") }
  func receivedPong(_ number: UInt64) { note("pong \(number)") }
  func writabilityChanged(_ isWritable: Bool) { note("writable \(isWritable)") }
  func closed(code: WebSocketCloseCode, isClean: Bool) { note("closed \(code) \(isClean ? "clean" : "unclean")") }

  private func note(_ line: String) {
    journal.write(line)
    reply(connection, line)
  }

  /// Sends messages back.
  static let echo: @Sendable (WebSocketConnection, String) -> Void = { connection, line in
    let own = ["opened", "closed", "writable", "pong"]
    if !own.contains(where: { line.hasPrefix($0) }) { connection.send(text: line) }
  }
}
