import CLibPQ

extension PostgreSQLError {
  /// The error a result carries.
  init(result: OpaquePointer, script: String? = nil) {
    func field(_ code: Character) -> String? {
      guard let ascii = code.asciiValue, let text = PQresultErrorField(result, Int32(ascii)) else { return nil }
      return Self.oneLine(String(cString: text))
    }
    let sqlState = field("C") ?? ""
    var message = field("M") ?? PQresultErrorMessage(result).map { Self.oneLine(String(cString: $0)) } ?? ""
    if let script, let position = field("P").flatMap({ Int($0) }) {
      message += " (line \(script.unicodeScalars.prefix(max(0, position - 1)).count { $0 == "\n" } + 1) of the script)"
    }
    self.init(
      kind: sqlState.isEmpty ? .connection : .server, sqlState: sqlState,
      message: message.isEmpty ? "the server answered with an error without text" : message,
      detail: field("D"), hint: field("H"), constraint: field("n"), table: field("t"),
      isRetryable: Self.isPassing(sqlState: sqlState))
    if sqlState == "57014" { kind = .timedOut }
  }

  /// Why a connection could not be opened, with what to do about it. `text` is libpq's, with verbosity "verbose", so
  /// that the SQLSTATE is in it whatever the server's language.
  static func connecting(_ text: String, target: String) -> PostgreSQLError {
    let sqlState = sqlState(inVerbose: text)
    let line = oneLine(withoutVerboseParts(text, sqlState: sqlState))
    func error(_ kind: Kind, _ mend: String, isRetryable: Bool = false) -> PostgreSQLError {
      PostgreSQLError(
        kind: kind, sqlState: sqlState, message: "cannot use the database at \(target): \(line); \(mend)",
        isRetryable: isRetryable)
    }
    switch sqlState {
    case "28P01", "28000":
      return error(.configuration, "check user and password in the database URL, and the server's pg_hba.conf")
    case "3D000":
      return error(.configuration, "create it with createdb, or correct the name in the database URL")
    case "53300":
      return error(
        .connection, "raise max_connections on the server, or lower the pool's connection count", isRetryable: true)
    case "57P03":
      return error(.connection, "wait until the server has started", isRetryable: true)
    case "":
      return error(
        .connection, "check that PostgreSQL runs there and the database URL names its address", isRetryable: true)
    default:
      return error(
        .configuration, "check the database URL and the server's log", isRetryable: isPassing(sqlState: sqlState))
    }
  }

  static func tooOld(version: Int32, target: String) -> PostgreSQLError {
    PostgreSQLError(
      kind: .configuration,
      message: "the database at \(target) is PostgreSQL \(version / 10_000); version 14 or newer is needed: upgrade it")
  }

  /// The first `XXXXX: ` behind two blanks, as in `FATAL:  28P01: password authentication failed`.
  private static func sqlState(inVerbose text: String) -> String {
    let scalars = Array(text.utf8)
    guard scalars.count >= 8 else { return "" }
    for start in 0...(scalars.count - 8)
    where scalars[start] == 0x20 && scalars[start + 1] == 0x20 && scalars[start + 7] == 0x3A {
      let code = scalars[(start + 2)..<(start + 7)]
      if code.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }) {
        return String(decoding: code, as: UTF8.self)
      }
    }
    return ""
  }

  private static func withoutVerboseParts(_ text: String, sqlState: String) -> String {
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("LOCATION:") }
    var line = lines.first.map(String.init) ?? "no answer"
    if !sqlState.isEmpty, let code = line.firstRange(of: "\(sqlState): ") { line.removeSubrange(code) }
    return line
  }

  static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).map { $0.trimmingBlanks() }.filter { !$0.isEmpty }.joined(separator: "; ")
  }
}

extension Substring {
  fileprivate func trimmingBlanks() -> String {
    let start = firstIndex { !$0.isWhitespace } ?? endIndex
    let end = lastIndex { !$0.isWhitespace }.map { index(after: $0) } ?? start
    return String(self[start..<end])
  }
}
