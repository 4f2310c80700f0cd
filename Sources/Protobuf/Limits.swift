/// What decoding one message may take in memory, beyond the message's own bytes.
package enum Limits {
  /// Arena bytes per byte of the message. Text costs about 1, packed integers 4; a flood of 2-byte unknown fields would
  /// take 44 in protobuf-c (measured), a flood of empty submessages more.
  package static let decodeBudgetFactor = 8
  /// Small messages may take this much whatever their shape: about a thousand 2-byte fields.
  package static let decodeBudgetFloor_bytes = 64 << 10
  /// No message takes more. Eight times the largest message that the RPC layer lets in.
  package static let decodeBudgetCap_bytes = 32 << 20
  /// Kept per thread and used first: an ordinary message needs no `malloc`.
  static let arenaFirstChunk_bytes = 16 << 10
  /// Pieces this long are decoded into arrays of their own, which the message keeps: speech is copied once less.
  static let arenaArray_bytes = 4 << 10
  /// Later chunks double up to this.
  static let arenaChunk_bytes_max = 1 << 20

  /// The budget for a message of that size.
  package static func decodeBudget_bytes(messageSize: Int) -> Int {
    let (product, overflow) = messageSize.multipliedReportingOverflow(by: decodeBudgetFactor)
    return overflow ? decodeBudgetCap_bytes : min(max(product, decodeBudgetFloor_bytes), decodeBudgetCap_bytes)
  }
}
