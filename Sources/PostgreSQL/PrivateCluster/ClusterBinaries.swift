import Foundation

/// Where `initdb` and `postgres` are, and of which major version.
struct ClusterBinaries: Sendable, Hashable {
  let directory: String
  let majorVersion: Int

  var initdb: String { directory + "/initdb" }
  var postgres: String { directory + "/postgres" }

  /// Looks where `pg_config --bindir` says, then in Debian's versioned folders, newest first, then along `PATH`.
  /// - Parameter wanted: the major version that made the data; nil takes the first of 14 or newer.
  static func find(wanted: Int?, environment: [String: String]) throws(PrivateClusterError) -> ClusterBinaries {
    var found: [ClusterBinaries] = []
    for directory in candidates(environment: environment) {
      guard isProgram(directory + "/initdb"), isProgram(directory + "/postgres") else { continue }
      guard let version = try majorVersion(of: directory + "/postgres") else { continue }
      let binaries = ClusterBinaries(directory: directory, majorVersion: version)
      if wanted == version || (wanted == nil && version >= 14) { return binaries }
      found.append(binaries)
    }
    guard let wanted else {
      let tooOld = found.first.map { " (found only \($0.majorVersion) in \($0.directory))" } ?? ""
      throw PrivateClusterError(
        "PostgreSQL 14 or newer is not installed\(tooOld): apt install postgresql, or name a server with --database-url"
      )
    }
    throw PrivateClusterError(
      "the data directory was made by PostgreSQL \(wanted), which is not installed: apt install postgresql-\(wanted), "
        + "or move the data to a newer one with pg_upgrade")
  }

  private static func candidates(environment: [String: String]) -> [String] {
    let path = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
    var directories: [String] = []
    if let configuration = path.map({ $0 + "/pg_config" }).first(where: isProgram),
      let outcome = try? ChildProcess.run([configuration, "--bindir"], timeout_ns: ClusterLimits.probeTimeout_ns),
      outcome.succeeded
    {
      directories.append(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    let debian = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: debian)) ?? []
    directories += versions.compactMap { Int($0) }.sorted(by: >).map { "\(debian)/\($0)/bin" }
    return directories + path
  }

  private static func isProgram(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory.boolValue
      && access(path, X_OK) == 0
  }

  /// `postgres (PostgreSQL) 15.20 (Debian …)` → 15.
  private static func majorVersion(of postgres: String) throws(PrivateClusterError) -> Int? {
    let outcome = try ChildProcess.run([postgres, "--version"], timeout_ns: ClusterLimits.probeTimeout_ns)
    guard outcome.succeeded else { return nil }
    return outcome.output.split(separator: " ").compactMap { Int($0.prefix { $0.isNumber }) }.first
  }
}
