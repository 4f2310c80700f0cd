import Foundation
import Logging
import Testing

@testable import Operations

@Suite struct LoggingTests {
  /// What a handler writes for `body`, read back from a pipe.
  static func lines(
    level: Logger.Level = .trace, _ make: (LogWriter, Logger.Level) -> any LogHandler, _ body: (Logger) -> Void
  ) throws -> [String] {
    let pipe = Pipe()
    let writer = LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    body(Logger(label: "test.log") { _ in make(writer, level) })
    writer.flush()
    try pipe.fileHandleForWriting.close()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Blocking calls, kept off the threads that tests share.
  static func readToEnd(_ pipe: Pipe) async -> Data {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(returning: (try? pipe.fileHandleForReading.readToEnd()) ?? Data())
      }
    }
  }

  static func flush(_ writer: LogWriter, closing pipe: Pipe) async {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        writer.flush()
        try? pipe.fileHandleForWriting.close()
        continuation.resume()
      }
    }
  }

  static func json(level: Logger.Level = .trace, _ body: (Logger) -> Void) throws -> [[String: Any]] {
    try lines(level: level, { JSONLogHandler(label: "test.log", level: $1, writer: $0) }, body).map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
    }
  }

  @Test func writesOneObjectPerLine() throws {
    let entries = try Self.json { logger in
      var logger = logger
      logger[metadataKey: "request"] = "r1"
      logger.info("started", metadata: ["port": "50051", "list": ["a", "b"], "map": ["k": .stringConvertible(7)]])
      logger.error("over\nand \"out\" \\ 您好👵 \u{1}\u{7F}")
    }
    #expect(entries.count == 2)
    let first = entries[0]
    #expect(first["level"] as? String == "info" && first["logger"] as? String == "test.log")
    #expect(first["message"] as? String == "started")
    let metadata = try #require(first["metadata"] as? [String: Any])
    #expect(metadata["request"] as? String == "r1" && metadata["port"] as? String == "50051")
    #expect(metadata["list"] as? [String] == ["a", "b"] && metadata["map"] as? [String: String] == ["k": "7"])
    #expect(entries[1]["message"] as? String == "over\nand \"out\" \\ 您好👵 \u{1}\u{7F}")
    let time = try #require(first["time"] as? String)
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    let date = try #require(format.date(from: time))
    #expect(abs(date.timeIntervalSinceNow) < 60)
  }

  @Test func theNearestMetadataWins() throws {
    let entries = try Self.json { logger in
      var logger = logger
      logger.handler.metadataProvider = Logger.MetadataProvider { ["a": "provider", "b": "provider"] }
      logger[metadataKey: "a"] = "handler"
      logger[metadataKey: "c"] = "handler"
      logger.info("x", metadata: ["b": "call"])
    }
    #expect(entries[0]["metadata"] as? [String: String] == ["a": "provider", "b": "call", "c": "handler"])
  }

  @Test func honoursTheLevel() throws {
    let entries = try Self.json(level: .warning) { logger in
      logger.info("no")
      logger.warning("yes")
      var verbose = logger
      verbose.logLevel = .debug
      verbose.debug("too")
    }
    #expect(entries.map { $0["message"] as? String } == ["yes", "too"])
  }

  @Test func tellsAnError() throws {
    struct Broken: Error {}
    let entries = try Self.json { $0.error("failed", error: Broken()) }
    #expect(entries[0]["error"] as? String == "Broken()")
  }

  @Test func textCannotForgeALine() throws {
    let lines = try Self.lines({ TextLogHandler(label: "test.log", level: $1, writer: $0) }) { logger in
      logger.info("a\nb\u{1B}[31m", metadata: ["k": "v\r\n", "j": "您好"])
    }
    #expect(lines.count == 1)
    #expect(lines[0].hasSuffix(" INFO test.log: a\\nb\\u{1b}[31m j=您好 k=v\\u{d}\\n"), "\(lines[0])")
  }

  @Test func keepsOrderAndWholenessFromManyThreads() async throws {
    let pipe = Pipe()
    let writer = LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    async let output = Self.readToEnd(pipe)
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<8 {
        group.addTask {
          let logger = Logger(label: "\(thread)") { JSONLogHandler(label: $0, level: .info, writer: writer) }
          for number in 0..<500 { logger.info("\(number)") }
        }
      }
    }
    await Self.flush(writer, closing: pipe)
    var next: [String: Int] = [:]
    for line in await output.split(separator: 0x0A) {
      let entry = try #require(try JSONSerialization.jsonObject(with: line) as? [String: String])
      let thread = try #require(entry["logger"])
      #expect(entry["message"] == "\(next[thread, default: 0])")
      next[thread, default: 0] += 1
    }
    #expect(next.count == 8 && next.values.allSatisfy { $0 == 500 })
  }

  /// A reader that stalls costs lines, not time; the loss is told.
  @Test func aStalledReaderBlocksNobody() async throws {
    let pipe = Pipe()
    let writer = LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    let logger = Logger(label: "x") { JSONLogHandler(label: $0, level: .info, writer: writer) }
    let long = String(repeating: "x", count: 10_000)
    for _ in 0..<(3 * Limits.logBacklogBytes / 10_000) { logger.info("\(long)") }
    async let output = Self.readToEnd(pipe)
    await Self.flush(writer, closing: pipe)
    let text = String(decoding: await output, as: UTF8.self)
    #expect(text.utf8.count < 3 * Limits.logBacklogBytes)
    #expect(text.contains("log lines dropped"))
  }
}
