import CLibPQ

/// The URL together with what this module adds to it: session settings, TCP keep-alive, names.
struct ConnectionSettings {
  private var keywords: [(String, String)]
  /// Where it leads, without the password: `host:port/database`.
  let target: String

  init(_ configuration: PostgreSQLConfiguration, _ purpose: ConnectionOpener.Purpose) throws(PostgreSQLError) {
    let given = try Self.parse(configuration.url)
    // What the URL says comes later and wins: `-c` settings are read in order.
    var options = ["-c", "statement_timeout=\(max(1, configuration.statementTimeout.nanoseconds / 1_000_000))"]
    options += ["-c", "idle_in_transaction_session_timeout=60000"]
    if purpose == .listening { options = [] }
    if let own = given["options"] { options.append(own) }
    keywords = [("dbname", configuration.url), ("client_encoding", "UTF8")]
    keywords.append(("options", options.joined(separator: " ")))
    keywords.append(("fallback_application_name", configuration.applicationName))
    // A peer that vanished is noticed within a minute, not after the kernel's two hours.
    let keepAlive = [
      ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
      ("tcp_user_timeout", "30000"),
    ]
    for (keyword, value) in keepAlive where given[keyword] == nil { keywords.append((keyword, value)) }
    let host = given["host"] ?? given["hostaddr"] ?? "the local socket"
    target = "\(host):\(given["port"] ?? "5432")/\(given["dbname"] ?? given["user"] ?? "")"
  }

  private static func parse(_ url: String) throws(PostgreSQLError) -> [String: String] {
    var text: UnsafeMutablePointer<CChar>?
    guard let first = PQconninfoParse(url, &text) else {
      let reason = text.map { PostgreSQLError.oneLine(String(cString: $0)) } ?? "out of memory"
      PQfreemem(text)
      throw PostgreSQLError(
        kind: .configuration,
        message: "the database URL cannot be read: \(reason); it should look like postgresql://user@host:5432/database")
    }
    defer { PQconninfoFree(first) }
    var values: [String: String] = [:]
    var option = first
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
      option += 1
    }
    return values
  }

  /// May look names up. The caller owns the result.
  func startConnecting() -> OpaquePointer? {
    func withPointers<R>(
      _ strings: [String], _ pointers: [UnsafePointer<CChar>?] = [],
      _ body: ([UnsafePointer<CChar>?]) -> R
    ) -> R {
      guard pointers.count < strings.count else { return body(pointers + [nil]) }
      return strings[pointers.count].withCString { withPointers(strings, pointers + [$0], body) }
    }
    return withPointers(keywords.map(\.0)) { names in
      withPointers(keywords.map(\.1)) { values in PQconnectStartParams(names, values, 1) }
    }
  }
}
