/// One row. Columns count from 0; every accessor throws `.decoding`, naming the column, when the type differs or the
/// value is null where none was expected. Asking for a column that is not there is such an error too.
package struct PostgreSQLRow: Sendable {
  let storage: ResultStorage
  let row: Int32

  package func isNull(_ column: Int) -> Bool {
    column < 0 || column >= Int(storage.columnCount)
      || storage.isNull(row: row, column: Int32(truncatingIfNeeded: column))
  }

  package func string(_ column: Int) throws(PostgreSQLError) -> String { try required(column, Self.decodeString) }
  package func bool(_ column: Int) throws(PostgreSQLError) -> Bool { try required(column, Self.decodeBool) }
  package func int16(_ column: Int) throws(PostgreSQLError) -> Int16 { try required(column, Self.decodeInteger) }
  package func int32(_ column: Int) throws(PostgreSQLError) -> Int32 { try required(column, Self.decodeInteger) }
  package func int64(_ column: Int) throws(PostgreSQLError) -> Int64 { try required(column, Self.decodeInteger) }
  package func int(_ column: Int) throws(PostgreSQLError) -> Int { try required(column, Self.decodeInteger) }
  package func double(_ column: Int) throws(PostgreSQLError) -> Double { try required(column, Self.decodeDouble) }
  package func bytes(_ column: Int) throws(PostgreSQLError) -> [UInt8] { try required(column, Self.decodeBytes) }
  /// Microseconds since 1970-01-01 00:00 UTC; `Int64.max` and `.min` for ±infinity.
  package func timestamp_us(_ column: Int) throws(PostgreSQLError) -> Int64 {
    try required(column, Self.decodeTimestamp)
  }
  /// Days since 1970-01-01.
  package func date_days(_ column: Int) throws(PostgreSQLError) -> Int32 { try required(column, Self.decodeDate) }

  package func optionalString(_ column: Int) throws(PostgreSQLError) -> String? {
    try optional(column, Self.decodeString)
  }
  package func optionalBool(_ column: Int) throws(PostgreSQLError) -> Bool? { try optional(column, Self.decodeBool) }
  package func optionalInt16(_ column: Int) throws(PostgreSQLError) -> Int16? {
    try optional(column, Self.decodeInteger)
  }
  package func optionalInt32(_ column: Int) throws(PostgreSQLError) -> Int32? {
    try optional(column, Self.decodeInteger)
  }
  package func optionalInt64(_ column: Int) throws(PostgreSQLError) -> Int64? {
    try optional(column, Self.decodeInteger)
  }
  package func optionalInt(_ column: Int) throws(PostgreSQLError) -> Int? { try optional(column, Self.decodeInteger) }
  package func optionalDouble(_ column: Int) throws(PostgreSQLError) -> Double? {
    try optional(column, Self.decodeDouble)
  }
  package func optionalBytes(_ column: Int) throws(PostgreSQLError) -> [UInt8]? {
    try optional(column, Self.decodeBytes)
  }
  package func optionalTimestamp_us(_ column: Int) throws(PostgreSQLError) -> Int64? {
    try optional(column, Self.decodeTimestamp)
  }
  package func optionalDate_days(_ column: Int) throws(PostgreSQLError) -> Int32? {
    try optional(column, Self.decodeDate)
  }

  func required<T>(
    _ column: Int, _ decode: (UnsafeRawBufferPointer, UInt32) -> T?
  ) throws(PostgreSQLError) -> T {
    guard let value = try optional(column, decode) else {
      throw PostgreSQLError(kind: .decoding, message: "column \(label(column)) is null; a \(T.self) was expected")
    }
    return value
  }

  func optional<T>(
    _ column: Int, _ decode: (UnsafeRawBufferPointer, UInt32) -> T?
  ) throws(PostgreSQLError) -> T? {
    guard column >= 0, column < Int(storage.columnCount) else {
      throw PostgreSQLError(
        kind: .decoding, message: "column \(column) was asked for; the row has \(storage.columnCount)")
    }
    let index = Int32(truncatingIfNeeded: column)
    guard !storage.isNull(row: row, column: index) else { return nil }
    let type = storage.typeOID(index)
    let value = storage.withBytes(row: row, column: index) { bytes in decode(bytes, type) }
    guard let value else {
      throw PostgreSQLError(
        kind: .decoding,
        message: "column \(label(column)) is \(TypeOID.name(type)), or its value does not fit \(T.self)")
    }
    return value
  }

  private func label(_ column: Int) -> String {
    let names = storage.columnNames
    return column < names.count ? "\(column) (\(names[column]))" : "\(column)"
  }
}
