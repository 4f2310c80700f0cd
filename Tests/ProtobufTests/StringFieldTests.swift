import Protobuf
import RPC
import TestSupport
import Testing

/// Strings are UTF-8 without U+0000, or the message is refused with the field's path; nothing is repaired.
@Suite struct StringFieldTests {
  @Test(arguments: ["", "a", "fifteen bytes!!", "sixteen bytes!!!", "我小时候在河边长大。", "😀é\u{301}", "\u{10FFFF}"])
  func accepts(text: String) throws {
    let message = try GoogleRPC.LocalizedMessage(serializedArray: WireBytes.field(2, text))
    #expect(message.message == text)
    #expect(message.serializedArray() == (text.isEmpty ? [] : WireBytes.field(2, text)))
  }

  /// Cut, overlong, surrogates, beyond U+10FFFF, bare continuation.
  @Test(
    arguments: [
      [0xFF], [0xC3], [0xE6, 0x88], [0xC0, 0x80], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0x80], [0x61, 0xFE, 0x62],
    ] as [[UInt8]])
  func refusesWhatIsNotUTF8(bytes: [UInt8]) {
    #expect(throws: WireError.invalidUTF8(field: "message")) {
      try GoogleRPC.LocalizedMessage(serializedArray: WireBytes.field(2, bytes))
    }
  }

  @Test(arguments: [[0], [0x61, 0], [0, 0x61], [0x61, 0, 0x62]] as [[UInt8]])
  func refusesNUL(bytes: [UInt8]) {
    #expect(throws: WireError.embeddedNUL(field: "message")) {
      try GoogleRPC.LocalizedMessage(serializedArray: WireBytes.field(2, bytes))
    }
  }

  @Test func namesNestedFields() {
    let bad = WireBytes.field(1, [0xFF])
    #expect(throws: WireError.invalidUTF8(field: "field_violations[1].field")) {
      try GoogleRPC.BadRequest(serializedArray: WireBytes.field(1, []) + WireBytes.field(1, bad))
    }
    #expect(throws: WireError.invalidUTF8(field: "stack_entries[1]")) {
      try GoogleRPC.DebugInfo(serializedArray: WireBytes.field(1, "a") + WireBytes.field(1, [0xFF]))
    }
    #expect(throws: WireError.embeddedNUL(field: "metadata.value")) {
      try GoogleRPC.ErrorInfo(serializedArray: WireBytes.field(3, WireBytes.field(2, [0])))
    }
    #expect(throws: WireError.invalidUTF8(field: "field_violations[0].localized_message.locale")) {
      let violation = WireBytes.field(4, bad)
      return try GoogleRPC.BadRequest(serializedArray: WireBytes.field(1, violation))
    }
  }

  @Test func bytesMayHoldAnything() throws {
    let value: [UInt8] = [0, 0xFF, 0]
    let message = GoogleProtobuf.AnyMessage(typeURL: "t", value: value)
    #expect(try GoogleProtobuf.AnyMessage(serializedArray: message.serializedArray()).value == value)
  }
}
