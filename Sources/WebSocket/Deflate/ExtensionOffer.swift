/// One element of a Sec-WebSocket-Extensions header (RFC 6455 §9.1).
struct ExtensionOffer: Hashable {
  struct Parameter: Hashable {
    var name: String
    var value: String?
  }
  var name: String
  var parameters: [Parameter]

  /// Reads a header's value, several headers joined by commas; nil when it does not follow the grammar. Names are
  /// lower-cased; quoted values are unquoted.
  static func parse(_ header: String) -> [ExtensionOffer]? {
    var reader = Reader(bytes: Array(header.utf8))
    var offers: [ExtensionOffer] = []
    while true {
      reader.skipSpace()
      if reader.take(UInt8(ascii: ",")) { continue }
      guard !reader.isAtEnd else { return offers }
      guard offers.count < Limits.extensionOffers, let name = reader.token() else { return nil }
      var offer = ExtensionOffer(name: name.lowercased(), parameters: [])
      reader.skipSpace()
      while reader.take(UInt8(ascii: ";")) {
        reader.skipSpace()
        guard offer.parameters.count < Limits.extensionOffers, let name = reader.token() else { return nil }
        var parameter = Parameter(name: name.lowercased(), value: nil)
        reader.skipSpace()
        if reader.take(UInt8(ascii: "=")) {
          reader.skipSpace()
          guard let value = reader.quoted() ?? reader.token() else { return nil }
          parameter.value = value
          reader.skipSpace()
        }
        offer.parameters.append(parameter)
      }
      offers.append(offer)
      guard reader.isAtEnd || reader.take(UInt8(ascii: ",")) else { return nil }
    }
  }

  private struct Reader {
    let bytes: [UInt8]
    var index = 0

    var isAtEnd: Bool { index == bytes.count }

    mutating func skipSpace() {
      while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
      guard index < bytes.count, bytes[index] == byte else { return false }
      index += 1
      return true
    }

    mutating func token() -> String? {
      let start = index
      while index < bytes.count, HTTPToken.isTokenByte(bytes[index]) { index += 1 }
      return index > start ? String(decoding: bytes[start..<index], as: UTF8.self) : nil
    }

    /// A quoted string whose content is a token (RFC 6455 §9.1); leaves everything as it was when there is none.
    mutating func quoted() -> String? {
      let start = index
      guard take(UInt8(ascii: "\"")) else { return nil }
      if let token = token(), take(UInt8(ascii: "\"")) { return token }
      index = start
      return nil
    }
  }
}

/// The characters of a header token (RFC 9110 §5.6.2), and lists of tokens.
enum HTTPToken {
  static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    case 0x21, 0x23...0x27, 0x2a, 0x2b, 0x2d, 0x2e, 0x5e, 0x5f, 0x60, 0x7c, 0x7e: true
    default: false
    }
  }

  /// Whether the comma-separated `list` has `token`, without regard to case.
  static func list(_ list: String, has token: String) -> Bool {
    list.split(separator: ",").contains { part in
      let part = part.drop { $0 == " " || $0 == "\t" }
      let end = part.lastIndex { $0 != " " && $0 != "\t" }
      guard let end else { return false }
      return part[...end].lowercased() == token
    }
  }
}
