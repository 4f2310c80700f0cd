/// One JSON value in a text: what it is and where it stands. Nothing is copied.
package struct JSONToken: Equatable, Sendable {
  package enum Kind: UInt8, Sendable {
    case absent
    case null, `true`, `false`
    case integer, float
    /// As Python writes them: `NaN`, `Infinity`, `-Infinity`.
    case notANumber, infinity, negativeInfinity
    case string, array, object
  }

  package static let absent = JSONToken(kind: .absent, start: 0, end: 0)

  package var kind: Kind
  /// A string with a backslash; an array or object with something in it.
  package var isComplex = false
  /// Bytes of the text, quotes and brackets included.
  package var start: Int
  package var end: Int

  package var range: Range<Int> { start..<end }
  package var isAbsent: Bool { kind == .absent }

  package init(kind: Kind, isComplex: Bool = false, start: Int, end: Int) {
    self.kind = kind
    self.isComplex = isComplex
    self.start = start
    self.end = end
  }

  /// The token as it was sent.
  package func source(in bytes: Span<UInt8>) -> String {
    bytes.extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}
