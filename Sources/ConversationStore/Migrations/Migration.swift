/// One numbered step of the schema: never edited once released, only followed by another.
package struct Migration: Sendable, Equatable {
  package let version: Int
  package let name: String
  package let sql: String

  /// FNV-1a (64 bits) of the SQL: tells a changed step from the applied one.
  package var checksum: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in sql.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Every step this binary knows, in order.
  package static let all: [Migration] = [
    .tables, .foundations, .sendText, .turnEnds, .connect, .conversations, .leasesAndUsers, .voiceTables,
    .voiceFunctions, .speech, .firstPieceTime, .voiceBounds, .boundedDeletions, .extendRecordings,
    .segmentClaims, .dailyGreetings, .erasedConversations,
  ]
}
