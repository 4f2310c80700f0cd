import NIOCore

/// One HTTP/2 frame in the open, for peers that say exactly what a test wants.
struct Frame: Equatable {
  enum Kind: UInt8 {
    case data, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate, continuation
    case priorityUpdate = 0x10
    case unknown = 0xff
  }

  static let endStream: UInt8 = 0x1
  static let acknowledgement: UInt8 = 0x1
  static let endHeaders: UInt8 = 0x4
  static let padded: UInt8 = 0x8

  var kind: Kind
  var flags: UInt8 = 0
  var stream: Int32 = 0
  var payload: [UInt8] = []

  var endsStream: Bool { flags & Self.endStream != 0 && (kind == .data || kind == .headers) }

  var bytes: [UInt8] {
    let count = payload.count
    return [UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff), kind.rawValue, flags]
      + Self.big(UInt32(bitPattern: stream)) + payload
  }

  /// The error code of RST_STREAM or GOAWAY.
  var errorCode: UInt32? {
    switch kind {
    case .reset: Self.integer(payload.prefix(4))
    case .goAway: Self.integer(payload.dropFirst(4).prefix(4))
    default: nil
    }
  }

  /// The last stream id of GOAWAY.
  var lastStream: UInt32? { kind == .goAway ? Self.integer(payload.prefix(4)) : nil }

  /// The increment of WINDOW_UPDATE.
  var increment: Int? { kind == .windowUpdate ? Int(Self.integer(payload.prefix(4))) : nil }

  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  static func settings(_ entries: [(UInt16, UInt32)] = []) -> Frame {
    Frame(kind: .settings, payload: entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 0xff)] + big($0.1) })
  }
  static func ping(_ opaque: UInt64 = 7, acknowledges: Bool = false) -> Frame {
    Frame(
      kind: .ping, flags: acknowledges ? acknowledgement : 0,
      payload: big(UInt32(opaque >> 32)) + big(UInt32(truncatingIfNeeded: opaque)))
  }
  static func reset(_ stream: Int32, _ code: UInt32 = 8) -> Frame {
    Frame(kind: .reset, stream: stream, payload: big(code))
  }
  static func data(_ stream: Int32, _ payload: [UInt8], ends: Bool = false) -> Frame {
    Frame(kind: .data, flags: ends ? endStream : 0, stream: stream, payload: payload)
  }
  static func windowUpdate(_ stream: Int32, _ increment: UInt32) -> Frame {
    Frame(kind: .windowUpdate, stream: stream, payload: big(increment))
  }
  static func goAway(last: UInt32, _ code: UInt32 = 0) -> Frame {
    Frame(kind: .goAway, payload: big(last) + big(code))
  }
  static func headers(_ stream: Int32, _ fields: [(String, String)], ends: Bool = false) -> Frame {
    Frame(kind: .headers, flags: endHeaders | (ends ? endStream : 0), stream: stream, payload: literal(fields))
  }
  /// A gRPC-like request.
  static func request(_ stream: Int32, ends: Bool = false, extra: [(String, String)] = []) -> Frame {
    headers(stream, requestFields + extra, ends: ends)
  }
  static let requestFields = [
    (":method", "POST"), (":scheme", "http"), (":path", "/test.Echo/Unary"), (":authority", "localhost"),
    ("content-type", "application/grpc"), ("te", "trailers"),
  ]

  /// HPACK without tables: literal fields, not indexed, not Huffman-coded (RFC 7541 §6.2.2).
  static func literal(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { [0] + text($0.0) + text($0.1) }
  }
  private static func text(_ text: String) -> [UInt8] {
    var count = text.utf8.count
    guard count >= 127 else { return [UInt8(count)] + Array(text.utf8) }
    var bytes: [UInt8] = [127]
    count -= 127
    while count >= 128 {
      bytes.append(UInt8(count & 127 | 128))
      count >>= 7
    }
    return bytes + [UInt8(count)] + Array(text.utf8)
  }
  private static func big(_ value: UInt32) -> [UInt8] {
    [UInt8(value >> 24), UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff)]
  }
  private static func integer(_ bytes: some Sequence<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

  /// Splits a byte stream into whole frames; incomplete ones stay in `bytes`.
  static func parse(_ bytes: inout [UInt8]) -> [Frame] {
    var frames: [Frame] = []
    var start = 0
    while bytes.count - start >= 9 {
      let count = Int(integer(bytes[start..<start + 3]))
      guard bytes.count - start >= 9 + count else { break }
      frames.append(
        Frame(
          kind: Kind(rawValue: bytes[start + 3]) ?? .unknown, flags: bytes[start + 4],
          stream: Int32(integer(bytes[start + 5..<start + 9]) & 0x7fff_ffff),
          payload: Array(bytes[start + 9..<start + 9 + count])))
      start += 9 + count
    }
    bytes.removeFirst(start)
    return frames
  }
}
