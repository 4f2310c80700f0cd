import Foundation

/// As whom PostgreSQL runs (it refuses to run as root), and which role the service then has by peer authentication.
struct ServerAccount: Sendable, Hashable {
  /// The service's own user, which is the database role's name too.
  let role: String
  let uid: uid_t
  let gid: gid_t
  /// Puts a command under the account; empty when it is the service's own.
  private let prefix: [String]

  /// The service's own account, or `postgres` when the service is root.
  static func current() throws(PrivateClusterError) -> ServerAccount {
    let own = geteuid()
    guard let name = name(of: own) else {
      throw PrivateClusterError(
        "user id \(own) has no name in /etc/passwd, which PostgreSQL needs: run as a named user, or name a server with "
          + "--database-url")
    }
    guard own == 0 else { return ServerAccount(role: name, uid: own, gid: getegid(), prefix: []) }
    guard let entry = getpwnam("postgres") else {
      throw PrivateClusterError(
        "as root, PostgreSQL is run by the user postgres, which does not exist: apt install postgresql, or run as an "
          + "ordinary user")
    }
    let (uid, gid) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
    guard
      let setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].first(where: { (path: String) in access(path, X_OK) == 0 })
    else {
      throw PrivateClusterError("as root, PostgreSQL is started with setpriv, which is missing: apt install util-linux")
    }
    return ServerAccount(
      role: name, uid: uid, gid: gid, prefix: [setpriv, "--reuid=\(uid)", "--regid=\(gid)", "--clear-groups", "--"])
  }

  var isForeign: Bool { !prefix.isEmpty }

  func command(_ arguments: [String]) -> [String] { prefix + arguments }

  /// Whether the account can go into the directory, through all its parents.
  func canReach(_ directory: String) throws(PrivateClusterError) -> Bool {
    guard isForeign else { return true }
    let test = command(["/bin/sh", "-c", "cd \"$1\"", "sh", directory])
    return try ChildProcess.run(test, timeout_ns: ClusterLimits.probeTimeout_ns).succeeded
  }

  /// Creates a directory only the account (and root) may use, unless it is there.
  func makeDirectory(_ path: String) throws(PrivateClusterError) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw PrivateClusterError("cannot create \(path): \(String(cString: strerror(errno)))")
    }
    guard !isForeign || chown(path, uid, gid) == 0 else {
      throw PrivateClusterError("cannot give \(path) to the user postgres: \(String(cString: strerror(errno)))")
    }
  }

  static func name(of uid: uid_t) -> String? {
    getpwuid(uid).flatMap { $0.pointee.pw_name }.map { String(cString: $0) }
  }
}
