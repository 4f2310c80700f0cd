import Foundation

/// Base64 of `-bin` metadata: padded and unpadded input is taken, output is unpadded (PROTOCOL-HTTP2.md).
package enum BinaryMetadataCoding {
  package static func encode(_ bytes: [UInt8]) -> String {
    let padded = Data(bytes).base64EncodedString()
    return String(padded.prefix { $0 != "=" })
  }

  /// Nil when `text` is not base64.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var characters = Array(text)
    while characters.first == 0x20 { characters.removeFirst() }
    while characters.last == 0x20 || characters.last == UInt8(ascii: "=") { characters.removeLast() }
    guard characters.count % 4 != 1 else { return nil }
    characters.append(contentsOf: repeatElement(UInt8(ascii: "="), count: (4 - characters.count % 4) % 4))
    return Data(base64Encoded: Data(characters)).map { Array($0) }
  }
}
