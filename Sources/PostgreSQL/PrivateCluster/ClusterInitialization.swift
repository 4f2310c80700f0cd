import Foundation

/// Makes the data of a new cluster.
enum ClusterInitialization {
  /// The major version that made the data; nil when there is none yet.
  static func version(of layout: ClusterLayout, account: ServerAccount) throws(PrivateClusterError) -> Int? {
    let file = layout.data + "/PG_VERSION"
    var status = stat()
    guard stat(layout.data, &status) == 0 else { return nil }
    guard status.st_uid == account.uid else {
      let owner = ServerAccount.name(of: status.st_uid) ?? "user \(status.st_uid)"
      throw PrivateClusterError(
        "\(layout.data) belongs to \(owner): run as the user who made it, or choose another directory with --data-dir")
    }
    guard let text = try? String(contentsOfFile: file, encoding: .utf8),
      let version = Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
    else {
      throw PrivateClusterError("\(layout.data) holds no PostgreSQL data: move it away, or choose another --data-dir")
    }
    return version
  }

  /// In a directory of another name, renamed when all is done: a crash leaves nothing half-made under the real one.
  static func run(
    _ layout: ClusterLayout, account: ServerAccount, binaries: ClusterBinaries, isDurable: Bool
  ) throws(PrivateClusterError) {
    try? FileManager.default.removeItem(atPath: layout.unfinishedData)
    try account.makeDirectory(layout.unfinishedData)
    var arguments = [
      binaries.initdb, "-D", layout.unfinishedData, "-U", account.role, "-A", "peer", "-E", "UTF8",
      "--locale=C.UTF-8", "--no-instructions",
    ]
    if !isDurable { arguments.append("--no-sync") }
    let outcome = try ChildProcess.run(
      account.command(arguments), timeout_ns: ClusterLimits.initializationTimeout_ns)
    guard outcome.succeeded else {
      let lines = outcome.output.split(separator: "\n")
      let reason = lines.last { $0.contains("error") || $0.contains("FATAL") } ?? lines.last ?? "no output"
      throw PrivateClusterError(
        "initdb failed in \(layout.unfinishedData) (\(ChildProcess.describe(status: outcome.status))): \(reason)")
    }
    guard rename(layout.unfinishedData, layout.data) == 0 else {
      throw PrivateClusterError("cannot rename \(layout.unfinishedData): \(String(cString: strerror(errno)))")
    }
  }
}
