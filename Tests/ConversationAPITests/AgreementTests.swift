import ConversationAPI
import Foundation
import Protobuf
import RPC
import TestSupport
import Testing

/// The generated messages read and write the very bytes of Python's protobuf (Tests/Golden/make.py).
@Suite struct AgreementTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let type: String
    let wire: [UInt8]
    var testDescription: String { "\(type), \(wire.count) bytes" }
  }

  private static let corpus: [Row] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden/corpus.tsv")
    return try! String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard !columns[0].hasPrefix("lifeecho.test.") else { return nil }
      let digits = columns[1].utf8.map { UInt8($0 < 0x40 ? $0 - 0x30 : $0 - 0x57) }
      let wire = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
      return Row(type: String(columns[0]), wire: wire)
    }
  }()

  @Test func everyTopLevelMessageIsInTheCorpus() {
    #expect(MessageTypes.all.count > 90)
    let missing = Set(Self.corpus.map(\.type)).subtracting(MessageTypes.byName.keys)
    #expect(missing.isEmpty)
  }

  @Test(arguments: corpus)
  func sameBytes(row: Row) throws {
    let type = try #require(MessageTypes.byName[row.type])
    let again = try type.roundTrip(row.wire)
    #expect(again == row.wire)
  }

  @Test(arguments: MessageTypes.byName.keys.sorted())
  func emptyMessages(name: String) throws {
    let type = try #require(MessageTypes.byName[name])
    let again = try type.roundTrip([])
    #expect(again == [])
  }

  /// Every cut of every message: refused, or a message with its own bytes.
  @Test func cutAtEveryByte() throws {
    for row in Self.corpus where row.wire.count < 500 {
      let type = try #require(MessageTypes.byName[row.type])
      for length in 0..<row.wire.count {
        _ = try? type.roundTrip(Array(row.wire.prefix(length)))
      }
    }
  }

  @Test func mutations() throws {
    let seed: UInt64 = 42
    var random = SeededGenerator(seed: seed)
    let rows = Self.corpus.filter { !$0.wire.isEmpty && $0.wire.count < 1_000 }
    for _ in 0..<40_000 {
      let row = rows[Int.random(in: 0..<rows.count, using: &random)]
      var wire = row.wire
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        wire[Int.random(in: 0..<wire.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let type = try #require(MessageTypes.byName[row.type])
      _ = try? type.roundTrip(wire)
    }
  }
}

extension WireMessage {
  /// Decodes, encodes, and checks that nothing is lost on the way.
  fileprivate static func roundTrip(_ wire: [UInt8]) throws -> [UInt8] {
    let message = try Self(serializedArray: wire)
    let coded = message.serializedArray()
    let again = try Self(serializedArray: coded)
    #expect(again == message)
    return coded
  }
}
