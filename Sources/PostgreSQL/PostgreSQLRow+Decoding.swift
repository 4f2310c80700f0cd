/// The binary formats of the protocol (`src/backend/utils/adt/*_send`). Each returns nil for another type or a bad value.
extension PostgreSQLRow {
  static func decodeString(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> String? {
    guard !TypeOID.notText.contains(type) else { return nil }
    guard type != TypeOID.jsonb else {
      return bytes.first == 1
        ? String(validating: UnsafeRawBufferPointer(rebasing: bytes.dropFirst()), as: UTF8.self) : nil
    }
    return String(validating: bytes, as: UTF8.self)
  }

  static func decodeBool(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> Bool? {
    type == TypeOID.bool && bytes.count == 1 ? bytes[0] != 0 : nil
  }

  static func decodeInteger<T: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> T? {
    switch (type, bytes.count) {
    case (TypeOID.int8, 8): T(exactly: bytes.bigEndian(as: Int64.self))
    case (TypeOID.int4, 4): T(exactly: bytes.bigEndian(as: Int32.self))
    case (TypeOID.int2, 2): T(exactly: bytes.bigEndian(as: Int16.self))
    case (TypeOID.oid, 4): T(exactly: bytes.bigEndian(as: UInt32.self))
    default: nil
    }
  }

  static func decodeDouble(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> Double? {
    switch (type, bytes.count) {
    case (TypeOID.float8, 8): Double(bitPattern: bytes.bigEndian(as: UInt64.self))
    case (TypeOID.float4, 4): Double(Float(bitPattern: bytes.bigEndian(as: UInt32.self)))
    default: nil
    }
  }

  static func decodeBytes(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> [UInt8]? {
    type == TypeOID.bytea ? [UInt8](bytes) : nil
  }

  static func decodeTimestamp(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> Int64? {
    guard type == TypeOID.timestamptz || type == TypeOID.timestamp, bytes.count == 8 else { return nil }
    let (value, overflow) = bytes.bigEndian(as: Int64.self).addingReportingOverflow(Epoch.difference_us)
    let raw = bytes.bigEndian(as: Int64.self)
    return raw == .min ? .min : (overflow ? .max : value)
  }

  static func decodeDate(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> Int32? {
    guard type == TypeOID.date, bytes.count == 4 else { return nil }
    let raw = bytes.bigEndian(as: Int32.self)
    let (value, overflow) = raw.addingReportingOverflow(Epoch.difference_days)
    return raw == .min ? .min : (overflow ? .max : value)
  }

  /// One-dimensional arrays without NULL elements; anything else gives nil.
  static func decodeArray<T>(
    _ bytes: UnsafeRawBufferPointer, _ decode: (UnsafeRawBufferPointer, UInt32) -> T?
  ) -> [T]? {
    guard bytes.count >= 12 else { return nil }
    let dimensions = bytes.bigEndian(as: Int32.self)
    let element = bytes.bigEndian(as: UInt32.self, at: 8)
    guard dimensions != 0 else { return [] }
    guard dimensions == 1, bytes.count >= 20 else { return nil }
    let count = Int(bytes.bigEndian(as: Int32.self, at: 12))
    guard count >= 0, count <= (bytes.count - 20) / 4 else { return nil }
    var values: [T] = []
    values.reserveCapacity(count)
    var offset = 20
    for _ in 0..<count {
      guard offset + 4 <= bytes.count else { return nil }
      let length = Int(bytes.bigEndian(as: Int32.self, at: offset))
      offset += 4
      guard length >= 0, offset + length <= bytes.count else { return nil }
      let slice = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
      guard let value = decode(slice, element) else { return nil }
      values.append(value)
      offset += length
    }
    return values
  }
}

extension PostgreSQLRow {
  package func stringArray(_ column: Int) throws(PostgreSQLError) -> [String] { try array(column, Self.decodeString) }
  package func boolArray(_ column: Int) throws(PostgreSQLError) -> [Bool] { try array(column, Self.decodeBool) }
  package func int16Array(_ column: Int) throws(PostgreSQLError) -> [Int16] { try array(column, Self.decodeInteger) }
  package func int32Array(_ column: Int) throws(PostgreSQLError) -> [Int32] { try array(column, Self.decodeInteger) }
  package func int64Array(_ column: Int) throws(PostgreSQLError) -> [Int64] { try array(column, Self.decodeInteger) }
  package func doubleArray(_ column: Int) throws(PostgreSQLError) -> [Double] { try array(column, Self.decodeDouble) }
  package func bytesArray(_ column: Int) throws(PostgreSQLError) -> [[UInt8]] { try array(column, Self.decodeBytes) }
  package func optionalStringArray(_ column: Int) throws(PostgreSQLError) -> [String]? {
    try optionalArray(column, Self.decodeString)
  }
  package func optionalInt32Array(_ column: Int) throws(PostgreSQLError) -> [Int32]? {
    try optionalArray(column, Self.decodeInteger)
  }
  package func optionalInt64Array(_ column: Int) throws(PostgreSQLError) -> [Int64]? {
    try optionalArray(column, Self.decodeInteger)
  }

  private func array<T>(
    _ column: Int, _ decode: (UnsafeRawBufferPointer, UInt32) -> T?
  ) throws(PostgreSQLError) -> [T] {
    try required(column) { bytes, type in
      Self.isArray(type) ? Self.decodeArray(bytes, decode) : nil
    }
  }

  private func optionalArray<T>(
    _ column: Int, _ decode: (UnsafeRawBufferPointer, UInt32) -> T?
  ) throws(PostgreSQLError) -> [T]? {
    try optional(column) { bytes, type in
      Self.isArray(type) ? Self.decodeArray(bytes, decode) : nil
    }
  }

  /// Arrays of enums and domains have numbers of their own: anything not known to be something else is tried.
  private static func isArray(_ type: UInt32) -> Bool {
    arrayTypes.contains(type) || !TypeOID.notText.contains(type)
  }

  private static let arrayTypes: Set<UInt32> = [
    TypeOID.boolArray, TypeOID.byteaArray, TypeOID.int2Array, TypeOID.int4Array, TypeOID.textArray,
    TypeOID.varcharArray, TypeOID.int8Array, TypeOID.float8Array,
  ]
}

extension UnsafeRawBufferPointer {
  /// The caller has checked that the bytes are there.
  func bigEndian<T: FixedWidthInteger>(as type: T.Type, at offset: Int = 0) -> T {
    T(bigEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
  }
}
