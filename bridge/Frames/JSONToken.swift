/// One JSON value in a frame: what it is and where it stands. Nothing is copied.
struct JSONToken: Equatable {
  enum Kind: UInt8 {
    case absent
    case null, `true`, `false`
    case integer, float
    /// As Python writes them: `NaN`, `Infinity`, `-Infinity`.
    case notANumber, infinity, negativeInfinity
    case string, array, object
  }

  static let absent = JSONToken(kind: .absent, start: 0, end: 0)

  var kind: Kind
  /// A string with a backslash; an array or object with something in it.
  var isComplex = false
  /// Bytes of the frame, quotes and brackets included.
  var start: Int
  var end: Int

  var range: Range<Int> { start..<end }
  var isAbsent: Bool { kind == .absent }

  init(kind: Kind, isComplex: Bool = false, start: Int, end: Int) {
    self.kind = kind
    self.isComplex = isComplex
    self.start = start
    self.end = end
  }
}

/// The frame is not JSON as Python's `json.loads` takes it.
struct JSONError: Error {}
