import Foundation
import ProtobufJSON
import Testing

/// What Python's protobuf made of the same messages (Tests/Golden/make.py).
struct Golden: Sendable, CustomTestStringConvertible {
  let type: String
  let wire: [UInt8]
  let json: String

  var testDescription: String { "\(type) \(json.prefix(60))" }

  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Golden")

  static let corpus: [Golden] = text("corpus.tsv").split(separator: "\n").map { row in
    let columns = row.split(separator: "\t", omittingEmptySubsequences: false)
    return Golden(type: String(columns[0]), wire: bytes(hex: columns[1]), json: String(columns[2]))
  }

  static let descriptorSet = bytes(hex: text("descriptors.hex").filter { !$0.isNewline }[...])

  static let pool = try! DescriptorPool(fileDescriptorSet: descriptorSet)

  private static func text(_ name: String) -> String {
    try! String(contentsOf: folder.appending(path: name), encoding: .utf8)
  }

  static func bytes(hex: some StringProtocol) -> [UInt8] {
    let digits = hex.utf8.map { UInt8($0 < 0x40 ? $0 - 0x30 : $0 - 0x57) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
