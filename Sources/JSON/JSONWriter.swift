import Foundation
package import NIOCore

/// Writes compact JSON into a buffer; text is not escaped beyond what JSON demands.
package struct JSONWriter {
  package private(set) var buffer: ByteBuffer
  private var needsComma = false

  package init(_ buffer: ByteBuffer) { self.buffer = buffer }

  package mutating func begin() {
    buffer.writeInteger(UInt8(ascii: "{"))
    needsComma = false
  }

  package mutating func end() {
    buffer.writeInteger(UInt8(ascii: "}"))
    needsComma = true
  }

  package mutating func name(_ name: StaticString) {
    buffer.writeStaticString(needsComma ? ",\"" : "\"")
    buffer.writeStaticString(name)
    buffer.writeStaticString("\":")
    needsComma = true
  }

  package mutating func member(_ name: StaticString, _ text: String) {
    self.name(name)
    string(text)
  }

  package mutating func member(_ name: StaticString, _ number: some FixedWidthInteger) {
    self.name(name)
    integer(number)
  }

  package mutating func member(_ name: StaticString, _ value: Bool) {
    self.name(name)
    buffer.writeStaticString(value ? "true" : "false")
  }

  package mutating func base64(_ name: StaticString, _ bytes: [UInt8]) {
    member(name, json: "\"" + Data(bytes).base64EncodedString() + "\"")
  }

  /// `json` is written as it is.
  package mutating func member(_ name: StaticString, json: String) {
    self.name(name)
    buffer.writeString(json)
  }

  package mutating func object(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
    self.name(name)
    object(body)
  }

  package mutating func object(_ body: (inout JSONWriter) -> Void) {
    begin()
    body(&self)
    end()
  }

  package mutating func array<Element>(
    _ name: StaticString, _ elements: [Element], _ body: (inout JSONWriter, Element) -> Void
  ) {
    self.name(name)
    buffer.writeInteger(UInt8(ascii: "["))
    for (index, element) in elements.enumerated() {
      if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
      body(&self, element)
    }
    buffer.writeInteger(UInt8(ascii: "]"))
    needsComma = true
  }

  package mutating func integer(_ number: some FixedWidthInteger) {
    buffer.writeString(String(number))
  }

  /// Already written JSON members, with their leading comma.
  package mutating func raw(_ members: String) {
    buffer.writeString(members)
    needsComma = true
  }

  package mutating func string(_ text: String) {
    buffer.writeInteger(UInt8(ascii: "\""))
    if Self.needsEscapes(text) {
      for byte in text.utf8 { escaped(byte) }
    } else {
      buffer.writeString(text)
    }
    buffer.writeInteger(UInt8(ascii: "\""))
  }

  static func needsEscapes(_ text: String) -> Bool {
    text.utf8.contains { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 < 0x20 }
  }

  private mutating func escaped(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): buffer.writeStaticString("\\\"")
    case UInt8(ascii: "\\"): buffer.writeStaticString("\\\\")
    case UInt8(ascii: "\n"): buffer.writeStaticString("\\n")
    case UInt8(ascii: "\r"): buffer.writeStaticString("\\r")
    case UInt8(ascii: "\t"): buffer.writeStaticString("\\t")
    case 0x08: buffer.writeStaticString("\\b")
    case 0x0C: buffer.writeStaticString("\\f")
    case ..<0x20:
      buffer.writeStaticString("\\u00")
      for digit in [byte >> 4, byte & 15] { buffer.writeInteger(digit + (digit < 10 ? 48 : 87)) }
    default: buffer.writeInteger(byte)
    }
  }
}

extension Duration {
  /// As a JSON number: 3, 3.5, never more than three decimals.
  package var secondsText: String {
    let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1000)
    guard rest > 0 else { return String(seconds) }
    var digits = String(rest + 1000).dropFirst()
    while digits.last == "0" { digits.removeLast() }
    return "\(seconds).\(digits)"
  }
}
