import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import WebSocket

/// What handlers heard, in order; to be waited for from anywhere.
final class Journal: Sendable {
  private let lines = Mutex<[String]>([])

  func write(_ line: String) { lines.withLock { $0.append(line) } }
  var all: [String] { lines.withLock { $0 } }
  func count(of line: String) -> Int { all.filter { $0 == line }.count }
  func has(_ line: String) -> Bool { all.contains(line) }

  func wait(for line: String, count: Int = 1, fileID: String = #fileID, at callerLine: Int = #line) async throws {
    try await waitUntil("\(count) × \(line) in \(all)", fileID: fileID, line: callerLine) {
      self.count(of: line) >= count
    }
  }
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
