import Foundation
import Testing

@testable import PostgreSQL

@Suite struct ConnectErrorTests {
  private func startError(_ url: String) async -> PostgreSQLError? {
    await failure {
      let pool = PostgreSQLPool(
        configuration: PostgreSQLConfiguration(url: url, connectionCount: 1, connectTimeout: .seconds(2)))
      try await pool.start()
      await pool.stop()
    }
  }

  @Test(arguments: [
    ("host='/nonexistent' dbname=x", PostgreSQLError.Kind.connection, "", "check that PostgreSQL runs there"),
    ("postgresql://127.0.0.1:1/x", .connection, "", "127.0.0.1:1/x"),
    ("postgresql://[oops", .configuration, "", "postgresql://user@host:5432/database"),
    ("nonsense=1", .configuration, "", "invalid connection option"),
  ])
  func unusableAddresses(url: String, kind: PostgreSQLError.Kind, sqlState: String, text: String) async throws {
    let error = try #require(await startError(url))
    #expect(error.kind == kind)
    #expect(error.sqlState == sqlState)
    #expect(error.message.contains(text), "\(error.message)")
    #expect(!error.message.contains("\n"))
  }

  @Test(arguments: [
    ("dbname=postgres", "dbname=missing", "3D000", "createdb"),
    ("user=", "user=stranger application_name=", "28000", "pg_hba.conf"),
  ])
  func refusedByTheServer(part: String, replacement: String, sqlState: String, text: String) async throws {
    let url = try await TestDatabase.url.replacingOccurrences(of: part, with: replacement)
    let error = try #require(await startError(url))
    #expect(error.kind == .configuration)
    #expect(error.sqlState == sqlState)
    #expect(error.message.contains(text), "\(error.message)")
    #expect(!error.message.contains("\n"))
    #expect(!error.message.contains(sqlState), "the state is in its own field")
  }

  @Test func anOldServerIsNamed() async throws {
    let server = try FakeServer(version: "13.4")
    let error = try #require(await startError("host='\(server.directory.path)' user=x dbname=x"))
    #expect(error.kind == .configuration)
    #expect(error.message.contains("PostgreSQL 13; version 14 or newer is needed"), "\(error.message)")
  }

  @Test func aServerThatNeverAnswersTimesOut() async throws {
    let directory = try TemporaryDirectory()
    let listener = try UnixSocket.listen(directory.path + "/.s.PGSQL.5432")
    defer { close(listener) }
    let error = try #require(await startError("host='\(directory.path)' user=x dbname=x"))
    #expect(error.kind == .connection)
    #expect(error.message.contains("no answer within"))
  }

  @Test func thePasswordIsNeverInTheMessage() async throws {
    let error = try #require(await startError("postgresql://u:geheim@127.0.0.1:1/x"))
    #expect(!error.description.contains("geheim"))
  }

  @Test func startMayBeTriedAgain() async throws {
    let directory = try TemporaryDirectory()
    let pool = PostgreSQLPool(configuration: PostgreSQLConfiguration(url: "host='\(directory.path)' user=x dbname=x"))
    #expect(await failure { try await pool.start() } != nil)
    let server = try FakeServer(version: "16.0", directory: directory)
    try await pool.start()
    await pool.stop()
    withExtendedLifetime(server) {}
  }
}

/// Accepts connections, lets everyone in as a server of some version, and says nothing more.
private final class FakeServer: Sendable {
  let directory: TemporaryDirectory
  private let listener: Int32

  init(version: String, directory: TemporaryDirectory? = nil) throws {
    self.directory = try directory ?? TemporaryDirectory()
    listener = try UnixSocket.listen(self.directory.path + "/.s.PGSQL.5432")
    let greeting =
      Self.message("R", [0, 0, 0, 0]) + Self.message("S", Array("server_version\0\(version)\0".utf8))
      + Self.message("S", Array("client_encoding\0UTF8\0".utf8)) + Self.message("Z", Array("I".utf8))
    Thread.detachNewThread { [listener] in
      while case let client = accept(listener, nil, nil), client >= 0 {
        var buffer = [UInt8](repeating: 0, count: 4096)
        _ = read(client, &buffer, buffer.count)
        _ = send(client, greeting, greeting.count, Int32(MSG_NOSIGNAL))
        _ = read(client, &buffer, buffer.count)
        close(client)
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  private static func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
    let length = UInt32(body.count + 4)
    return [type.asciiValue ?? 0] + (0..<4).map { UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * $0)) } + body
  }
}
