import Conversation
@testable import ConversationStore
import PostgreSQL
import Testing

@Suite struct AnswerTests {
  @Test func theColumnsAreReadInTheOrderOfTheTypes() async throws {
    let pool = try await TestDatabase.pool
    let columns = TurnAnswer.Column.allCases.map { "\($0)" }
    let turn = try await pool.query(Statement("columns_turn", "SELECT (NULL::lifeecho.turn_answer).*"))
    #expect(turn.columnNames == columns)
    let connect = try await pool.query(
      Statement(
        "columns_connect",
        Statements.connect.text.replacing(
          /lifeecho\.connect.*/,
          with: {
            _ in "(SELECT (NULL::lifeecho.connect_answer).*) a"
          })))
    #expect(connect.columnNames == ConnectAnswer.Column.allCases.map { "\($0)" } + columns.suffix(14))
    #expect(columns.suffix(TurnContext.columnCount).first == "nickname")
  }

  @Test func payloadsAreReadStrictly() throws {
    let payload = try EventPayload(
      #"{"text": "a\"\\\n\t\u0001 /é", "index": -3, "ok": true, "no": false, "inner": {"n": 9223372036854775807}}"#)
    #expect(try payload.string("text") == "a\"\\\n\t\u{1} /é" && payload.integer("index") == -3)
    #expect(try payload.bool("ok") && !payload.bool("no"))
    #expect(try payload.optionalObject("inner")?.integer("n") == .max)
    #expect(try payload.optionalString("absent") == nil && payload.optionalObject("absent") == nil)
    #expect(throws: PostgreSQLError.self) { try payload.string("index") }
    #expect(throws: PostgreSQLError.self) { try payload.integer("absent") }
    #expect(throws: PostgreSQLError.self) { try EventPayload("{\"a\":1.5}").integer("a") }
    #expect(try EventPayload("{}").optionalInteger("x") == nil)
    let deep = String(repeating: #"{"a":"#, count: 100) + "1" + String(repeating: "}", count: 100)
    for text in [
      "", "1", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":\"", "{\"a\":1}x", deep,
      "{\"a\":\"\\u12\"}", "{\"a\":\"\\q\"}", "{\"a\":tru}",
    ] {
      #expect(throws: PostgreSQLError.self, "\(text)") { try EventPayload(text) }
    }
  }

  @Test func troublesOfTheDatabaseAreToldWithoutItsWords() async throws {
    var configuration = PostgreSQLConfiguration(url: "host=/nowhere dbname=x")
    configuration.connectTimeout = .milliseconds(200)
    configuration.waitTimeout = .milliseconds(200)
    let stopped = ConversationStore(pool: PostgreSQLPool(configuration: configuration))
    await #expect(throws: ConversationError.self) { try await stopped.user("u") }
    let pool = try await TestDatabase.emptyDatabase()
    do {
      _ = try await ConversationStore(pool: pool).user("secret name")
      Issue.record("no schema, no answer")
    } catch let error as ConversationError {
      #expect(error == .storeUnavailable("PostgreSQL refused a command (SQLSTATE 42P01)"))
    }
    await pool.stop()
  }
}
