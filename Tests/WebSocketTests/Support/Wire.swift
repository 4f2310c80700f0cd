import NIOCore

@testable import WebSocket

/// Frames made and read by hand, so that the tests do not rest on the code under test.
struct Frame: Hashable, CustomStringConvertible {
  var isFinal = true
  var reserved: UInt8 = 0
  var opcode: UInt8
  var payload: [UInt8] = []

  static func text(_ text: String, isFinal: Bool = true) -> Frame {
    Frame(isFinal: isFinal, opcode: 1, payload: Array(text.utf8))
  }
  static func binary(_ payload: [UInt8], isFinal: Bool = true) -> Frame {
    Frame(isFinal: isFinal, opcode: 2, payload: payload)
  }
  static func more(_ text: String, isFinal: Bool) -> Frame {
    Frame(isFinal: isFinal, opcode: 0, payload: Array(text.utf8))
  }
  static func ping(_ payload: [UInt8] = []) -> Frame { Frame(opcode: 9, payload: payload) }
  static func pong(_ payload: [UInt8] = []) -> Frame { Frame(opcode: 10, payload: payload) }
  static func close(_ code: UInt16? = nil, _ reason: String = "") -> Frame {
    Frame(opcode: 8, payload: (code.map { [UInt8($0 >> 8), UInt8($0 & 0xff)] } ?? []) + Array(reason.utf8))
  }
  static func compressed(_ payload: [UInt8], opcode: UInt8 = 1, isFinal: Bool = true) -> Frame {
    Frame(isFinal: isFinal, reserved: 4, opcode: opcode, payload: payload)
  }

  /// On the wire; `key` nil: unmasked.
  func bytes(key: [UInt8]? = [0x37, 0xfa, 0x21, 0x3d]) -> [UInt8] {
    let masked: UInt8 = key == nil ? 0 : 0x80
    var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
    switch payload.count {
    case ..<126: bytes.append(masked | UInt8(payload.count))
    case ...0xffff: bytes += [masked | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
    default: bytes += [masked | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
    }
    guard let key else { return bytes + payload }
    return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
  }

  /// All frames in `bytes`, unmasked; `rest` is what is no whole frame.
  static func parse(_ bytes: [UInt8]) -> (frames: [Frame], rest: [UInt8]) {
    var frames: [Frame] = []
    var rest = bytes[...]
    while rest.count >= 2 {
      let start = rest.startIndex
      var position = start + 2
      var length = Int(rest[start + 1] & 0x7f)
      let extra = length == 126 ? 2 : length == 127 ? 8 : 0
      guard rest.count >= 2 + extra else { break }
      if extra > 0 { length = rest[position..<position + extra].reduce(0) { $0 << 8 | Int($1) } }
      position += extra
      let isMasked = rest[start + 1] & 0x80 != 0
      guard rest.endIndex - position >= length + (isMasked ? 4 : 0) else { break }
      let key = isMasked ? Array(rest[position..<position + 4]) : [0, 0, 0, 0]
      if isMasked { position += 4 }
      let slice = rest[position..<position + length]
      let payload = isMasked ? slice.enumerated().map { $1 ^ key[$0 % 4] } : Array(slice)
      frames.append(
        Frame(
          isFinal: rest[start] & 0x80 != 0, reserved: rest[start] >> 4 & 7, opcode: rest[start] & 15, payload: payload))
      rest = rest[(position + length)...]
    }
    return (frames, Array(rest))
  }

  var code: UInt16? { payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil }
  var text: String { String(decoding: opcode == 8 ? payload.dropFirst(2) : payload[...], as: UTF8.self) }
  var description: String {
    "\(isFinal ? "" : "…")\(opcode)/\(reserved)\(opcode == 8 ? " \(code ?? 0)" : "") \(text.prefix(40))"
  }
}

/// What a session said, in a form that can be compared.
enum Heard: Hashable {
  case text(String)
  case binary([UInt8])
  case pong(UInt64)
  case ended(UInt16, clean: Bool)
}

/// A session with everything it needs, fed by hand.
struct Subject {
  var session: WebSocketSession
  let workspace = SessionWorkspace()
  var output = ByteBuffer()
  var now_s: UInt32

  init(
    _ role: WebSocketRole = .server, deflate: DeflateParameters? = nil, now_s: UInt32 = 100,
    _ change: (inout WebSocketConfiguration) -> Void = { _ in }
  ) {
    var configuration = WebSocketConfiguration()
    change(&configuration)
    self.now_s = now_s
    session = WebSocketSession(
      role: role, settings: SessionSettings(configuration), deflate: deflate, now_s: now_s)
  }

  /// Feeds bytes in pieces of `step` (nil: at once) and returns what was heard.
  mutating func feed(_ bytes: [UInt8], step: Int? = nil) -> [Heard] {
    var heard: [Heard] = []
    for start in stride(from: 0, to: bytes.count, by: step ?? max(1, bytes.count)) {
      var input = ByteBuffer(bytes: bytes[start..<min(bytes.count, start + (step ?? bytes.count))])
      while let event = session.next(&input, output: &output, workspace: workspace, now_s: now_s) {
        heard.append(Self.heard(event))
      }
    }
    return heard
  }

  mutating func feed(_ frames: Frame..., step: Int? = nil) -> [Heard] {
    feed(frames.flatMap { $0.bytes(key: session.role == .server ? [0x37, 0xfa, 0x21, 0x3d] : nil) }, step: step)
  }

  mutating func send(_ opcode: Opcode, _ payload: [UInt8]) {
    if let separate = session.send(
      opcode, ByteBuffer(bytes: payload), into: &output, workspace: workspace, now_s: now_s)
    {
      output.writeImmutableBuffer(separate)
    }
  }

  mutating func close(_ code: UInt16, _ reason: String = "") {
    session.close(WebSocketCloseCode(code), reason: reason, into: &output, workspace: workspace, now_s: now_s)
  }

  /// Lets time pass up to `second`, one second at a time.
  mutating func wait(until second: UInt32) -> [Heard] {
    var heard: [Heard] = []
    while now_s < second {
      now_s += 1
      if let ending = session.tick(into: &output, workspace: workspace, now_s: now_s) {
        heard.append(Self.heard(.ended(ending)))
      }
    }
    return heard
  }

  /// The frames said since the last call.
  mutating func said() -> [Frame] {
    defer { output.clear() }
    return Frame.parse(Array(output.readableBytesView)).frames
  }

  static func heard(_ event: WebSocketSession.Event) -> Heard {
    switch event {
    case .text(let text): .text(String(buffer: text))
    case .binary(let bytes): .binary(Array(bytes.readableBytesView))
    case .pong(let number): .pong(number)
    case .ended(let ending): .ended(ending.code.rawValue, clean: ending.isClean)
    }
  }
}
