import NIOCore

/// DATA of one read that was not delivered yet: pieces as they lie in the read buffer, short neighbours together.
struct PendingData {
  private var first: ByteBuffer?
  private var others: [ByteBuffer] = []

  var isEmpty: Bool { first == nil }

  mutating func append(_ piece: ByteBuffer) {
    guard let last = others.last ?? first else { return first = piece }
    guard max(last.readableBytes, piece.readableBytes) < Limits.separateData_bytes else { return others.append(piece) }
    if others.isEmpty {
      first?.writeImmutableBuffer(piece)
    } else {
      others[others.count - 1].writeImmutableBuffer(piece)
    }
  }

  /// The oldest piece.
  mutating func popFirst() -> ByteBuffer? {
    let piece = first
    first = others.isEmpty ? nil : others.removeFirst()
    return piece
  }
}
