/// Parameters in the binary format of the protocol, in one buffer; made on the caller's thread.
struct EncodedParameters: Sendable {
  private(set) var bytes: [UInt8] = []
  /// Bytes of each value; −1 for null.
  private(set) var lengths: [Int32] = []
  /// Type of each value; 0 (the server decides) for null.
  private(set) var types: [UInt32] = []

  var count: Int { lengths.count }

  init(_ values: [PostgreSQLValue]) throws(PostgreSQLError) {
    guard values.count <= PostgreSQLLimits.parameterCountMaximum else {
      throw Self.tooLarge("\(values.count) parameters; \(PostgreSQLLimits.parameterCountMaximum) are allowed")
    }
    lengths.reserveCapacity(values.count)
    types.reserveCapacity(values.count)
    // Speech is long: growing would copy it several times.
    bytes.reserveCapacity(values.reduce(0) { $0 + Self.length_bytes($1) })
    for value in values {
      let start = bytes.count
      types.append(try append(value))
      if case .null = value {
        lengths.append(-1)
      } else {
        lengths.append(Int32(truncatingIfNeeded: bytes.count - start))
      }
      guard bytes.count <= PostgreSQLLimits.parameterBytesMaximum else {
        throw Self.tooLarge("parameters over \(PostgreSQLLimits.parameterBytesMaximum) bytes")
      }
    }
  }

  private static func tooLarge(_ message: String) -> PostgreSQLError {
    PostgreSQLError(kind: .configuration, message: message)
  }

  /// About as many bytes as a value takes, never fewer for those that can be long.
  private static func length_bytes(_ value: PostgreSQLValue) -> Int {
    switch value {
    case .text(let value): value.utf8.count
    case .bytes(let value): value.count
    case .jsonb(let value): 1 + value.utf8.count
    case .textArray(let values): values.reduce(20) { $0 + 4 + $1.utf8.count }
    case .bytesArray(let values): values.reduce(20) { $0 + 4 + $1.count }
    case .boolArray(let values): 20 + 5 * values.count
    case .int16Array(let values): 20 + 6 * values.count
    case .int32Array(let values): 20 + 8 * values.count
    case .int64Array(let values): 20 + 12 * values.count
    case .doubleArray(let values): 20 + 12 * values.count
    default: 8
    }
  }

  /// Appends one value and returns its type.
  private mutating func append(_ value: PostgreSQLValue) throws(PostgreSQLError) -> UInt32 {
    switch value {
    case .null:
      return TypeOID.unknown
    case .bool(let value):
      bytes.append(value ? 1 : 0)
      return TypeOID.bool
    case .int16(let value):
      append(bigEndian: value)
      return TypeOID.int2
    case .int32(let value):
      append(bigEndian: value)
      return TypeOID.int4
    case .int64(let value):
      append(bigEndian: value)
      return TypeOID.int8
    case .double(let value):
      append(bigEndian: value.bitPattern)
      return TypeOID.float8
    case .text(let value):
      bytes.append(contentsOf: value.utf8)
      return TypeOID.text
    case .bytes(let value):
      bytes.append(contentsOf: value)
      return TypeOID.bytea
    case .timestamp(let value):
      let (shifted, overflow) = value.subtractingReportingOverflow(Epoch.difference_us)
      guard !overflow else { throw Self.tooLarge("timestamp \(value) µs is out of range") }
      append(bigEndian: shifted)
      return TypeOID.timestamptz
    case .date(let value):
      let (shifted, overflow) = value.subtractingReportingOverflow(Epoch.difference_days)
      guard !overflow else { throw Self.tooLarge("date \(value) days is out of range") }
      append(bigEndian: shifted)
      return TypeOID.date
    case .jsonb(let value):
      bytes.append(1)
      bytes.append(contentsOf: value.utf8)
      return TypeOID.jsonb
    case .boolArray(let values):
      appendArray(values, TypeOID.bool) { $0.bytes.append($1 ? 1 : 0) }
      return TypeOID.boolArray
    case .int16Array(let values):
      appendArray(values, TypeOID.int2) { $0.append(bigEndian: $1) }
      return TypeOID.int2Array
    case .int32Array(let values):
      appendArray(values, TypeOID.int4) { $0.append(bigEndian: $1) }
      return TypeOID.int4Array
    case .int64Array(let values):
      appendArray(values, TypeOID.int8) { $0.append(bigEndian: $1) }
      return TypeOID.int8Array
    case .doubleArray(let values):
      appendArray(values, TypeOID.float8) { $0.append(bigEndian: $1.bitPattern) }
      return TypeOID.float8Array
    case .textArray(let values):
      appendArray(values, TypeOID.text) { $0.bytes.append(contentsOf: $1.utf8) }
      return TypeOID.textArray
    case .bytesArray(let values):
      appendArray(values, TypeOID.bytea) { $0.bytes.append(contentsOf: $1) }
      return TypeOID.byteaArray
    }
  }

  private mutating func append<T: FixedWidthInteger>(bigEndian value: T) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  /// `array_send`: dimensions, has-null flag, element type, then length and lower bound, then each element with its length.
  private mutating func appendArray<T>(
    _ values: [T], _ element: UInt32, _ appendElement: (inout EncodedParameters, T) -> Void
  ) {
    append(bigEndian: Int32(values.isEmpty ? 0 : 1))
    append(bigEndian: Int32(0))
    append(bigEndian: element)
    guard !values.isEmpty else { return }
    append(bigEndian: Int32(truncatingIfNeeded: values.count))
    append(bigEndian: Int32(1))
    for value in values {
      let start = bytes.count
      append(bigEndian: Int32(0))
      appendElement(&self, value)
      let length = UInt32(truncatingIfNeeded: bytes.count - start - 4)
      for index in 0..<4 {
        bytes[start + index] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * index))
      }
    }
  }
}
