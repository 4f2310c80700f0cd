/// Takes an event stream apart (WHATWG HTML §9.2 "Server-sent events"). Sans-I/O: bytes go in, cut anywhere, also
/// within a character; whole events come out. An event that the stream's end cuts off is dropped, as the standard says.
struct ServerSentEventParser {
  struct Event: Equatable {
    /// `message` unless the server named it.
    var type = "message"
    var data = ""
  }

  enum Failure: Error, Equatable {
    case tooLong(limit_bytes: Int)
    case invalidUTF8
  }

  private var line: [UInt8] = []
  private var type: String?
  private var data: [UInt8] = []
  private var hasData = false
  private var followsCarriageReturn = false
  private var isFirstLine = true

  /// The event that `byte` completes, if any.
  mutating func feed(_ byte: UInt8) throws(Failure) -> Event? {
    defer { followsCarriageReturn = byte == UInt8(ascii: "\r") }
    switch byte {
    case UInt8(ascii: "\n") where followsCarriageReturn:
      return nil
    case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
      return try endLine()
    default:
      guard line.count < Limits.eventBytes else { throw .tooLong(limit_bytes: Limits.eventBytes) }
      line.append(byte)
      return nil
    }
  }

  private mutating func endLine() throws(Failure) -> Event? {
    defer { line.removeAll(keepingCapacity: true) }
    var text = line[...]
    if isFirstLine, text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
    isFirstLine = false
    guard !text.isEmpty else { return try dispatch() }
    let colon = text.firstIndex(of: UInt8(ascii: ":"))
    let name = text[..<(colon ?? text.endIndex)]
    var value = colon.map { text[text.index(after: $0)...] } ?? []
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    if name.elementsEqual("data".utf8) {
      guard data.count + value.count < Limits.eventBytes else { throw .tooLong(limit_bytes: Limits.eventBytes) }
      if hasData { data.append(UInt8(ascii: "\n")) }
      hasData = true
      data.append(contentsOf: value)
    } else if name.elementsEqual("event".utf8) {
      type = try Self.text(value)
    } else if name.elementsEqual("error".utf8) {
      // Not in the standard: llama.cpp wrote `error: {…}` lines in some of its versions.
      type = "error"
      hasData = true
      data.append(contentsOf: value)
    }
    return nil
  }

  private mutating func dispatch() throws(Failure) -> Event? {
    defer {
      type = nil
      data.removeAll(keepingCapacity: true)
      hasData = false
    }
    guard hasData else { return nil }
    return Event(type: type.flatMap { $0.isEmpty ? nil : $0 } ?? "message", data: try Self.text(data[...]))
  }

  private static func text(_ bytes: ArraySlice<UInt8>) throws(Failure) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .invalidUTF8 }
    return text
  }
}
