import CLibPQ

/// Rows of one statement. The bytes stay where libpq put them; values are decoded when asked for.
package struct PostgreSQLResult: Sendable {
  private let storage: ResultStorage?
  package let rowCount: Int

  init(_ storage: ResultStorage?) {
    self.storage = storage
    rowCount = storage?.rowCount ?? 0
  }

  static let empty = PostgreSQLResult(nil)

  /// Rows an INSERT, UPDATE or DELETE touched, or a SELECT returned; 0 for other statements.
  package var affectedRows: Int { storage?.affectedRows ?? 0 }

  package var columnNames: [String] { storage?.columnNames ?? [] }

  /// `SELECT 1`, `INSERT 0 1`, `COMMIT`, …
  package var commandTag: String { storage?.commandTag ?? "" }
}

extension PostgreSQLResult: RandomAccessCollection {
  package var startIndex: Int { 0 }
  package var endIndex: Int { rowCount }

  package subscript(row: Int) -> PostgreSQLRow {
    guard let storage, row >= 0, row < rowCount else {
      preconditionFailure("row \(row) of \(rowCount)")
    }
    return PostgreSQLRow(storage: storage, row: Int32(truncatingIfNeeded: row))
  }
}

/// Owns a `PGresult`.
///
/// `@unchecked Sendable`: libpq never changes a result after handing it out, and reading it takes no shared state.
final class ResultStorage: @unchecked Sendable {
  private let result: OpaquePointer
  let rowCount: Int
  let columnCount: Int32

  /// Takes ownership.
  init(_ result: OpaquePointer) {
    self.result = result
    rowCount = Int(PQntuples(result))
    columnCount = PQnfields(result)
  }

  deinit {
    PQclear(result)
  }

  var columnNames: [String] {
    (0..<columnCount).map { PQfname(result, $0).map { String(cString: $0) } ?? "" }
  }

  var affectedRows: Int { PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0 }

  var commandTag: String { PQcmdStatus(result).map { String(cString: $0) } ?? "" }

  func typeOID(_ column: Int32) -> UInt32 { PQftype(result, column) }

  func isNull(row: Int32, column: Int32) -> Bool { PQgetisnull(result, row, column) != 0 }

  /// Calls `body` with the value's bytes, valid during the call only. The row and the column exist.
  func withBytes<R, E: Error>(
    row: Int32, column: Int32, _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    let length = Int(PQgetlength(result, row, column))
    let start = PQgetvalue(result, row, column)
    return try body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : length))
  }
}
