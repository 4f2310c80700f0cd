/// A gRPC status code (grpc/doc/statuscodes.md). Codes outside 0...16 are kept as received and named `UNKNOWN`.
package struct StatusCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  package let rawValue: UInt8

  package init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  package static let ok = StatusCode(rawValue: 0)
  package static let cancelled = StatusCode(rawValue: 1)
  package static let unknown = StatusCode(rawValue: 2)
  package static let invalidArgument = StatusCode(rawValue: 3)
  package static let deadlineExceeded = StatusCode(rawValue: 4)
  package static let notFound = StatusCode(rawValue: 5)
  package static let alreadyExists = StatusCode(rawValue: 6)
  package static let permissionDenied = StatusCode(rawValue: 7)
  package static let resourceExhausted = StatusCode(rawValue: 8)
  package static let failedPrecondition = StatusCode(rawValue: 9)
  package static let aborted = StatusCode(rawValue: 10)
  package static let outOfRange = StatusCode(rawValue: 11)
  package static let unimplemented = StatusCode(rawValue: 12)
  package static let `internal` = StatusCode(rawValue: 13)
  package static let unavailable = StatusCode(rawValue: 14)
  package static let dataLoss = StatusCode(rawValue: 15)
  package static let unauthenticated = StatusCode(rawValue: 16)

  private static let names = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
  ]

  /// The code's name in SCREAMING_SNAKE_CASE, as metrics and logs show it.
  package var name: String {
    Int(rawValue) < Self.names.count ? Self.names[Int(rawValue)] : "UNKNOWN"
  }

  package var description: String { name }

  /// The code with that name; nil for a name gRPC does not define.
  package init?(name: String) {
    guard let index = Self.names.firstIndex(of: name) else { return nil }
    self.init(rawValue: UInt8(index))
  }

  /// Reads the value of a `grpc-status` field. Anything but a decimal number in 0...16 is `.unknown`
  /// (statuscodes.md: "Error parsing returned status").
  package init(headerValue bytes: some Sequence<UInt8>) {
    var value = 0
    var digits = 0
    for byte in bytes {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), digits < 3 else {
        self = .unknown
        return
      }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
      digits += 1
    }
    self = digits > 0 && value < Self.names.count ? StatusCode(rawValue: UInt8(value)) : .unknown
  }
}
