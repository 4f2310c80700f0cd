import Foundation

/// The directories of one cluster.
///
///     <data directory>/lock, connection, cluster-id     always here
///     <home>/data, run, postgres.log                    home is the data directory, or /var/lib/lifeecho/<cluster-id>
///
/// Home is elsewhere when the service is root and `postgres` cannot pass one of the directory's parents.
struct ClusterLayout: Sendable, Hashable {
  /// Nil for an ephemeral cluster.
  let dataDirectory: String?
  let home: String
  /// Of the Unix socket; short enough for its path.
  let socketDirectory: String

  var data: String { home + "/data" }
  /// Where initdb works; renamed when it has succeeded, so that a half-made cluster is never used.
  var unfinishedData: String { home + "/data.new" }
  var log: String { home + "/postgres.log" }
  var postmasterPID: String { data + "/postmaster.pid" }
  var hasTemporarySocketDirectory: Bool { !socketDirectory.hasPrefix(home + "/") }

  static let elsewhere = "/var/lib/lifeecho"
  static let socketName = ".s.PGSQL.5432"

  /// `directory` exists and is locked by us.
  static func persistent(_ directory: String, account: ServerAccount) throws(PrivateClusterError) -> ClusterLayout {
    let idFile = directory + "/cluster-id"
    if let id = try? String(contentsOfFile: idFile, encoding: .utf8) {
      let id = id.trimmingCharacters(in: .whitespacesAndNewlines)
      guard !id.isEmpty, id.allSatisfy({ $0.isHexDigit }) else {
        throw PrivateClusterError("\(idFile) is damaged: it should hold the name of a directory in \(elsewhere)")
      }
      guard account.isForeign else {
        throw PrivateClusterError(
          "the cluster of \(directory) was made as root: run as root, or choose another --data-dir")
      }
      return try inHome(elsewhere + "/" + id, dataDirectory: directory, account: account)
    }
    if try account.canReach(directory) {
      return try inHome(directory, dataDirectory: directory, account: account)
    }
    guard !FileManager.default.fileExists(atPath: directory + "/data") else {
      throw PrivateClusterError(
        "the user postgres cannot reach \(directory)/data any more: allow it to pass the parent directories (chmod o+x)"
      )
    }
    let id = String(UInt64.random(in: 0 ... .max) | 1 << 63, radix: 16)
    makeElsewhere()
    let layout = try inHome(elsewhere + "/" + id, dataDirectory: directory, account: account)
    do {
      try (id + "\n").write(toFile: idFile, atomically: true, encoding: .utf8)
    } catch {
      throw PrivateClusterError("cannot write \(idFile): \(error.localizedDescription)")
    }
    return layout
  }

  static func ephemeral(account: ServerAccount, environment: [String: String]) throws(PrivateClusterError)
    -> ClusterLayout
  {
    for base in [environment["TMPDIR"] ?? "/tmp", "/tmp", elsewhere] {
      if base == elsewhere { makeElsewhere() }
      guard let home = try temporaryDirectory(in: base, account: account) else { continue }
      if try account.canReach(home) { return try inHome(home, dataDirectory: nil, account: account) }
      rmdir(home)
    }
    throw PrivateClusterError("no temporary directory can be used: set TMPDIR to one")
  }

  private static func inHome(
    _ home: String, dataDirectory: String?, account: ServerAccount
  ) throws(PrivateClusterError) -> ClusterLayout {
    if home != dataDirectory { try account.makeDirectory(home) }
    var sockets = home + "/run"
    if (sockets + "/" + socketName).utf8.count <= ClusterLimits.socketPathBytes {
      try account.makeDirectory(sockets)
    } else {
      guard let short = try temporaryDirectory(in: "/tmp", account: account) else {
        throw PrivateClusterError("the path of \(home) is too long for a socket, and /tmp cannot be written")
      }
      sockets = short
    }
    return ClusterLayout(dataDirectory: dataDirectory, home: home, socketDirectory: sockets)
  }

  private static func temporaryDirectory(
    in base: String, account: ServerAccount
  ) throws(PrivateClusterError) -> String? {
    var template = Array((base + "/lifeecho-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { return nil }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    try account.makeDirectory(path)
    return path
  }

  private static func makeElsewhere() {
    mkdir(elsewhere, 0o755)
  }
}
