import JSON

/// The members of a client frame that mean something here, found in one pass over its bytes.
struct FrameFields {
  enum Member: Int, CaseIterable {
    case text, voiceSessionID, clientSegmentID, audioBase64, segmentIndex, isLast, duration
    // Protocol 2.
    case clientMessageID, chipID, turnID, heard, heardFrom, generation

    var name: StaticString {
      switch self {
      case .text: "text"
      case .voiceSessionID: "voice_session_id"
      case .clientSegmentID: "client_segment_id"
      case .audioBase64: "audio_base64"
      case .segmentIndex: "segment_index"
      case .isLast: "is_last"
      case .duration: "duration"
      case .clientMessageID: "client_msg_id"
      case .chipID: "chip_id"
      case .turnID: "turn_id"
      case .heard: "heard"
      case .heardFrom: "heard_from"
      case .generation: "generation"
      }
    }
  }

  private(set) var type = JSONToken.absent
  private(set) var data = JSONToken.absent
  private var members: [13 of JSONToken] = .init(repeating: .absent)

  subscript(member: Member) -> JSONToken { members[member.rawValue] }

  /// The frame must be one JSON object and nothing else. Of a repeated member the last one counts.
  init(_ bytes: Span<UInt8>) throws(JSONError) {
    var scanner = JSONScanner(.python)
    try scanner.expect(UInt8(ascii: "{"), bytes)
    if !scanner.take(UInt8(ascii: "}"), bytes) {
      repeat {
        let key = try scanner.key(bytes)
        if Self.matches(key, "data", bytes) {
          data = try readData(&scanner, bytes)
        } else {
          let value = try scanner.value(bytes, depth: 1)
          if Self.matches(key, "type", bytes) { type = value }
        }
      } while scanner.take(UInt8(ascii: ","), bytes)
      try scanner.expect(UInt8(ascii: "}"), bytes)
    }
    guard scanner.peek(bytes) == nil else { throw scanner.error("more text after the frame") }
  }

  private mutating func readData(_ scanner: inout JSONScanner, _ bytes: Span<UInt8>) throws(JSONError) -> JSONToken {
    guard scanner.peek(bytes) == UInt8(ascii: "{") else { return try scanner.value(bytes, depth: 1) }
    members = .init(repeating: .absent)
    let start = scanner.position
    try scanner.expect(UInt8(ascii: "{"), bytes)
    let isEmpty = scanner.take(UInt8(ascii: "}"), bytes)
    if !isEmpty {
      repeat {
        let key = try scanner.key(bytes)
        let value = try scanner.value(bytes, depth: 2)
        if let member = Self.member(key, bytes) { members[member.rawValue] = value }
      } while scanner.take(UInt8(ascii: ","), bytes)
      try scanner.expect(UInt8(ascii: "}"), bytes)
    }
    return JSONToken(kind: .object, isComplex: !isEmpty, start: start, end: scanner.position)
  }

  private static func member(_ key: JSONToken, _ bytes: Span<UInt8>) -> Member? {
    for member in Member.allCases where matches(key, member.name, bytes) { return member }
    return nil
  }

  /// Compares without making a string, unless there are escapes.
  static func matches(_ token: JSONToken, _ name: StaticString, _ bytes: Span<UInt8>) -> Bool {
    if token.isComplex { return JSONText(token, in: bytes).text == name.description }
    guard token.end - token.start - 2 == name.utf8CodeUnitCount else { return false }
    for offset in 0..<name.utf8CodeUnitCount where bytes[token.start + 1 + offset] != name.utf8Start[offset] {
      return false
    }
    return true
  }
}
