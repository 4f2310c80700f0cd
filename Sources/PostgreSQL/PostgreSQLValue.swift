/// A parameter. Its case decides the type the server is told, so that no guess can differ between two calls.
package enum PostgreSQLValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case int16(Int16)
  case int32(Int32)
  case int64(Int64)
  case double(Double)
  case text(String)
  case bytes([UInt8])
  /// `timestamptz`, as microseconds since 1970-01-01 00:00 UTC.
  case timestamp(Int64)
  /// `date`, as days since 1970-01-01.
  case date(Int32)
  case jsonb(String)
  case boolArray([Bool])
  case int16Array([Int16])
  case int32Array([Int32])
  case int64Array([Int64])
  case doubleArray([Double])
  case textArray([String])
  case bytesArray([[UInt8]])

  /// `null` for `nil`: `.optional(stage, PostgreSQLValue.text)`.
  package static func optional<T>(_ value: T?, _ wrap: (T) -> PostgreSQLValue) -> PostgreSQLValue {
    value.map(wrap) ?? .null
  }
}

extension PostgreSQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByNilLiteral
{
  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int64) { self = .int64(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(nilLiteral: ()) { self = .null }
}

/// Type numbers of `pg_type.dat`; fixed for all servers.
enum TypeOID {
  static let unknown: UInt32 = 0
  static let bool: UInt32 = 16
  static let bytea: UInt32 = 17
  static let name: UInt32 = 19
  static let int8: UInt32 = 20
  static let int2: UInt32 = 21
  static let int4: UInt32 = 23
  static let text: UInt32 = 25
  static let oid: UInt32 = 26
  static let json: UInt32 = 114
  static let float4: UInt32 = 700
  static let float8: UInt32 = 701
  static let boolArray: UInt32 = 1000
  static let byteaArray: UInt32 = 1001
  static let int2Array: UInt32 = 1005
  static let int4Array: UInt32 = 1007
  static let textArray: UInt32 = 1009
  static let varcharArray: UInt32 = 1015
  static let int8Array: UInt32 = 1016
  static let float8Array: UInt32 = 1022
  static let varchar: UInt32 = 1043
  static let date: UInt32 = 1082
  static let timestamp: UInt32 = 1114
  static let timestamptz: UInt32 = 1184
  static let numeric: UInt32 = 1700
  static let uuid: UInt32 = 2950
  static let jsonb: UInt32 = 3802

  /// Types whose binary form is not text. All others (enums and domains have numbers of their own) are read as text.
  static let notText: Set<UInt32> = [
    bool, bytea, int8, int2, int4, oid, float4, float8, boolArray, byteaArray, int2Array, int4Array, textArray,
    varcharArray, int8Array, float8Array, date, timestamp, timestamptz, numeric, uuid,
  ]

  static func name(_ oid: UInt32) -> String {
    switch oid {
    case bool: "boolean"
    case bytea: "bytea"
    case int8: "bigint"
    case int2: "smallint"
    case int4: "integer"
    case text: "text"
    case float4: "real"
    case float8: "double precision"
    case date: "date"
    case timestamp: "timestamp"
    case timestamptz: "timestamptz"
    case numeric: "numeric (cast it in SQL, for example ::bigint)"
    case uuid: "uuid (cast it in SQL: ::text)"
    case jsonb: "jsonb"
    case textArray: "text[]"
    case int8Array: "bigint[]"
    case int4Array: "integer[]"
    default: "type \(oid)"
    }
  }
}

/// Days and microseconds between PostgreSQL's epoch (2000-01-01) and Unix's.
enum Epoch {
  static let difference_days: Int32 = 10_957
  static let difference_us: Int64 = 946_684_800_000_000
}
