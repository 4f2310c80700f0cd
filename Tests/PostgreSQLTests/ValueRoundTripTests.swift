import Testing

@testable import PostgreSQL

@Suite struct ValueRoundTripTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let type: String
    let value: PostgreSQLValue
    let read: @Sendable (PostgreSQLRow) throws -> PostgreSQLValue

    init(
      _ type: String, _ value: PostgreSQLValue, _ read: @escaping @Sendable (PostgreSQLRow) throws -> PostgreSQLValue
    ) {
      self.type = type
      self.value = value
      self.read = read
    }

    var testDescription: String { "\(type) \(String(describing: value).prefix(60))" }
  }

  static let cases: [Case] = [
    Case("bool", .bool(true)) { .bool(try $0.bool(0)) },
    Case("bool", .bool(false)) { .bool(try $0.bool(0)) },
    Case("smallint", .int16(.min)) { .int16(try $0.int16(0)) },
    Case("smallint", .int16(.max)) { .int16(try $0.int16(0)) },
    Case("integer", .int32(.min)) { .int32(try $0.int32(0)) },
    Case("integer", .int32(.max)) { .int32(try $0.int32(0)) },
    Case("bigint", .int64(.min)) { .int64(try $0.int64(0)) },
    Case("bigint", .int64(.max)) { .int64(try $0.int64(0)) },
    Case("bigint", .int64(-1)) { .int64(Int64(try $0.int(0))) },
    Case("float8", .double(.greatestFiniteMagnitude)) { .double(try $0.double(0)) },
    Case("float8", .double(-0.1)) { .double(try $0.double(0)) },
    Case("float8", .double(-.infinity)) { .double(try $0.double(0)) },
    Case("text", .text("")) { .text(try $0.string(0)) },
    Case("text", .text("1952年，我在北京出生。👵🏻 \u{10FFFF}'\"\\$1")) { .text(try $0.string(0)) },
    Case("text", .text(String(repeating: "长", count: 300_000))) { .text(try $0.string(0)) },
    Case("varchar", .text("x")) { .text(try $0.string(0)) },
    Case("bytea", .bytes([])) { .bytes(try $0.bytes(0)) },
    Case("bytea", .bytes([0, 1, 255])) { .bytes(try $0.bytes(0)) },
    Case("bytea", .bytes([UInt8](repeating: 7, count: 1 << 20))) { .bytes(try $0.bytes(0)) },
    Case("timestamptz", .timestamp(0)) { .timestamp(try $0.timestamp_us(0)) },
    Case("timestamptz", .timestamp(1_763_700_000_123_456)) { .timestamp(try $0.timestamp_us(0)) },
    Case("timestamptz", .timestamp(-1)) { .timestamp(try $0.timestamp_us(0)) },
    Case("date", .date(0)) { .date(try $0.date_days(0)) },
    Case("date", .date(-25_567)) { .date(try $0.date_days(0)) },
    Case("jsonb", .jsonb(#"{"a": [1, "二"]}"#)) { .jsonb(try $0.string(0)) },
    Case("bool[]", .boolArray([true, false])) { .boolArray(try $0.boolArray(0)) },
    Case("smallint[]", .int16Array([.min, .max])) { .int16Array(try $0.int16Array(0)) },
    Case("integer[]", .int32Array([.min, 0, .max])) { .int32Array(try $0.int32Array(0)) },
    Case("bigint[]", .int64Array([.min, 0, .max])) { .int64Array(try $0.int64Array(0)) },
    Case("bigint[]", .int64Array([])) { .int64Array(try $0.int64Array(0)) },
    Case("float8[]", .doubleArray([1.5, -2])) { .doubleArray(try $0.doubleArray(0)) },
    Case("text[]", .textArray(["", "二", "{,\"}"])) { .textArray(try $0.stringArray(0)) },
    Case("bytea[]", .bytesArray([[], [0, 255]])) { .bytesArray(try $0.bytesArray(0)) },
  ]

  @Test func everyValueComesBackAsItWasSent() async throws {
    try await TestDatabase.withPool { pool in
      for (index, item) in Self.cases.enumerated() {
        for kind in [CommandKind.write, .read] {
          let statement = Statement("case\(index)", "SELECT $1::\(item.type) AS value")
          let result = try await pool.query(statement, [item.value], kind: kind)
          let row = try #require(result.first)
          #expect(try item.read(row) == item.value, "\(item.testDescription)")
          #expect(result.columnNames == ["value"])
          let null = try #require(try await pool.query(statement, [.null], kind: kind).first)
          #expect(null.isNull(0), "\(item.testDescription)")
        }
      }
    }
  }

  @Test func nullsAreNilWhereAllowedAndAnErrorElsewhere() async throws {
    let statement = Statement(
      "nulls", "SELECT NULL::text, NULL::bigint, NULL::bytea, NULL::bool, NULL::timestamptz, NULL::text[], NULL::float8"
    )
    try await TestDatabase.withPool { pool in
      let row = try #require(try await pool.query(statement, []).first)
      #expect(try row.optionalString(0) == nil)
      #expect(try row.optionalInt64(1) == nil)
      #expect(try row.optionalBytes(2) == nil)
      #expect(try row.optionalBool(3) == nil)
      #expect(try row.optionalTimestamp_us(4) == nil)
      #expect(try row.optionalStringArray(5) == nil)
      #expect(try row.optionalDouble(6) == nil)
      #expect(throws: PostgreSQLError.self) { try row.string(0) }
    }
  }

  @Test func wrongTypesAndColumnsAreDecodingErrorsThatNameTheColumn() async throws {
    let statement = Statement("types", "SELECT 1::bigint AS number, 'x' AS word, 5000000000 AS large, 1.5 AS exact")
    try await TestDatabase.withPool { pool in
      let row = try #require(try await pool.query(statement, []).first)
      let attempts: [(Int, () throws -> Void)] = [
        (0, { _ = try row.string(0) }), (1, { _ = try row.int64(1) }), (2, { _ = try row.int32(2) }),
        (3, { _ = try row.double(3) }), (4, { _ = try row.optionalString(4) }), (0, { _ = try row.stringArray(0) }),
        (1, { _ = try row.bytes(1) }), (-1, { _ = try row.optionalStringArray(-1) }),
      ]
      for (column, attempt) in attempts {
        let error = #expect(throws: PostgreSQLError.self) { try attempt() }
        #expect(error?.kind == .decoding)
        #expect(error?.message.contains("column \(column)") == true)
      }
      #expect(try row.int16(0) == 1)
    }
  }

  @Test func enumsAreReadAsText() async throws {
    try await TestDatabase.withPool { pool in
      try await pool.script("DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('calm', 'glad')")
      let row = try #require(
        try await pool.query(Statement("mood", "SELECT 'glad'::mood, ARRAY['calm'::mood]"), []).first)
      #expect(try row.string(0) == "glad")
      #expect(try row.stringArray(1) == ["calm"])
    }
  }

  @Test func nullFirstThenAValueNeedsNoNewTypes() async throws {
    let statement = Statement("shapes", "SELECT coalesce($1, 7::bigint), coalesce($2, 'none')")
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let parameters: [[PostgreSQLValue]] = [
        [.null, .null], [.int64(1), .null], [.null, .text("a")], [.int64(2), .text("b")], [.null, .null],
      ]
      var found: [String] = []
      for values in parameters {
        let row = try #require(try await pool.query(statement, values).first)
        found.append("\(try row.int64(0)) \(try row.string(1))")
      }
      #expect(found == ["7 none", "1 none", "7 a", "2 b", "7 none"])
    }
  }

  @Test func textWithNULIsRefusedByTheServerAndHarmsNothingElse() async throws {
    let statement = Statement("nul", "SELECT $1::text")
    try await TestDatabase.withPool(connectionCount: 1) { pool in
      let error = await failure { _ = try await pool.query(statement, [.text("a\0b")]) }
      #expect(error?.sqlState == "22021")
      let row = try #require(try await pool.query(statement, [.text("ab")]).first)
      #expect(try row.string(0) == "ab")
    }
  }

  @Test func resultsAreCollections() async throws {
    try await TestDatabase.withPool { pool in
      let result = try await pool.query(
        Statement("series", "SELECT generate_series(1, $1)"), [.int32(100)], kind: .read)
      #expect(result.rowCount == 100)
      #expect(try result.map { try $0.int($0.isNull(0) ? -1 : 0) } == Array(1...100))
      let updated = try await pool.query(
        Statement("none", "SELECT 1 WHERE false"), [])
      #expect(updated.isEmpty)
      #expect(updated.first == nil)
    }
  }
}
