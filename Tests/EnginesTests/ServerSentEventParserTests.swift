import Testing

@testable import Engines

@Suite struct ServerSentEventParserTests {
  typealias Event = ServerSentEventParser.Event

  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let stream: String
    let events: [Event]
    var testDescription: String { name }

    init(_ name: String, _ stream: String, _ data: String...) {
      self.name = name
      self.stream = stream
      events = data.map { Event(data: $0) }
    }

    init(_ name: String, _ stream: String, events: [Event]) {
      self.name = name
      self.stream = stream
      self.events = events
    }
  }

  static let rows: [Row] = [
    Row("one event", "data: a\n\n", "a"),
    Row("two events", "data: a\n\ndata: b\n\n", "a", "b"),
    Row("no space after the colon", "data:a\n\n", "a"),
    Row("only one space is taken off", "data:  a\n\n", " a"),
    Row("CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", "a", "b"),
    Row("CR", "data: a\r\rdata: b\r\r", "a", "b"),
    Row("mixed line ends", "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", "a", "b", "c"),
    Row("several data lines", "data: a\ndata: b\n\n", "a\nb"),
    Row("empty data", "data:\n\n", ""),
    Row("empty first data line", "data\ndata: b\n\n", "\nb"),
    Row("comments and heartbeats", ": OPENROUTER PROCESSING\n\n:\ndata: a\n:x\n\n", "a"),
    Row("unknown fields", "id: 7\nretry: 3\nfoo: bar\ndata: a\n\n", "a"),
    Row("byte order mark", "\u{FEFF}data: a\n\n", "a"),
    Row("Chinese and an emoji", "data: 您好👵\n\n", "您好👵"),
    Row("blank lines", "\n\n\r\n\rdata: a\n\n\n\n", "a"),
    Row("an unfinished event is dropped", "data: a\n\ndata: b\n", "a"),
    Row("an unfinished line is dropped", "data: a\n\ndata: b", "a"),
    Row("colons within data", "data: {\"a\": \"b:c\"}\n\n", "{\"a\": \"b:c\"}"),
    Row(
      "named event", "event: error\ndata: x\n\ndata: y\n\n",
      events: [Event(type: "error", data: "x"), Event(data: "y")]),
    Row("llama.cpp's error line", "error: {\"code\":500}\n\n", events: [Event(type: "error", data: "{\"code\":500}")]),
    Row("event without data", "event: ping\n\ndata: a\n\n", "a"),
  ]

  @Test(arguments: rows)
  func reads(_ row: Row) throws {
    var parser = ServerSentEventParser()
    #expect(try parser.feed(row.stream.utf8) == row.events)
  }

  @Test(arguments: rows)
  func readsTheSameWhereverItIsCut(_ row: Row) throws {
    let bytes = Array(row.stream.utf8)
    for cut in 0...bytes.count {
      var parser = ServerSentEventParser()
      #expect(try parser.feed(bytes[..<cut]) + parser.feed(bytes[cut...]) == row.events, "cut at \(cut)")
    }
    var byByte = ServerSentEventParser()
    let events = try bytes.compactMap { try byByte.feed($0) }
    #expect(events == row.events)
  }

  @Test func boundsALine() {
    var parser = ServerSentEventParser()
    #expect(throws: ServerSentEventParser.Failure.tooLong(limit_bytes: Engines.Limits.eventBytes)) {
      try parser.feed([UInt8](repeating: 0x61, count: Engines.Limits.eventBytes + 1))
    }
  }

  @Test func boundsAnEventOfManyLines() {
    var parser = ServerSentEventParser()
    let line = Array("data: \(String(repeating: "x", count: 1000))\n".utf8)
    #expect(throws: ServerSentEventParser.Failure.tooLong(limit_bytes: Engines.Limits.eventBytes)) {
      for _ in 0...(Engines.Limits.eventBytes / 1000) { _ = try parser.feed(line) }
    }
  }

  @Test func refusesInvalidUTF8() {
    var parser = ServerSentEventParser()
    #expect(throws: ServerSentEventParser.Failure.invalidUTF8) {
      try parser.feed(Array("data: ".utf8) + [0xE6, 0x82, 0x0A, 0x0A])
    }
  }
}

extension ServerSentEventParser {
  fileprivate mutating func feed(_ bytes: some Sequence<UInt8>) throws(Failure) -> [Event] {
    var events: [Event] = []
    for byte in bytes {
      if let event = try feed(byte) { events.append(event) }
    }
    return events
  }
}
