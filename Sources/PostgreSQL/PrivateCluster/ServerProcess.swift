import CLibPQ
import Foundation

/// Starts `postgres` on a prepared data directory and knows when it is ready. Everything here blocks.
struct ServerProcess: Sendable {
  let layout: ClusterLayout
  let account: ServerAccount
  let binaries: ClusterBinaries
  let maximumConnections: Int
  let isDurable: Bool
  let startTimeout_ns: UInt64

  /// Returns the running server's pid, a child of ours.
  ///
  /// A server that was killed leaves lock files, perhaps a pid that nobody has reaped, and shared memory that its last
  /// children still hold: all that is waited for.
  /// - Parameter spawned: called with the pid at once, before it is ready.
  func start(watcher: ClusterWatcher, spawned: (pid_t) -> Void) throws(PrivateClusterError) -> pid_t {
    try awaitOrphan()
    let leftoverDeadline_ns = MonotonicTime.now_ns() + ClusterLimits.leftoverWait_ns
    while true {
      let logStart = ServerLog(path: layout.log).size
      let pid = try launch(watcher: watcher)
      spawned(pid)
      guard let status = try awaitReady(pid) else { return pid }
      watcher.serverIsGone()
      let said = ServerLog(path: layout.log).text(from: logStart)
      guard Self.isLeftover(said), MonotonicTime.now_ns() < leftoverDeadline_ns else {
        let reason = said.split(separator: "\n").last { $0.contains("FATAL") } ?? "it ended with \(describe(status))"
        throw PrivateClusterError("PostgreSQL did not start: \(reason) (more in \(layout.log))")
      }
      usleep(ClusterLimits.pollPause_us * 20)
    }
  }

  private func describe(_ status: Int32) -> Substring { Substring(ChildProcess.describe(status: status)) }

  private static func isLeftover(_ log: String) -> Bool {
    log.contains("lock file") || log.contains("shared memory block") || log.contains("is still in use")
  }

  // MARK: Before the start

  /// What `postmaster.pid` of an earlier run says about its process.
  private enum Earlier {
    case none
    /// Ours, and alive.
    case running(pid_t)
    /// Dead but not reaped, or the number belongs to another program by now.
    case numberInUse(pid_t)
  }

  private func earlier() -> Earlier {
    guard let text = try? String(contentsOfFile: layout.postmasterPID, encoding: .utf8),
      let first = text.split(separator: "\n").first, let pid = pid_t(first), pid > 1,
      kill(pid, 0) == 0 || errno == EPERM
    else { return .none }
    let process = "/proc/\(pid)"
    guard let status = FileManager.default.contents(atPath: process + "/stat"),
      let arguments = FileManager.default.contents(atPath: process + "/cmdline")
    else { return .none }
    let state = String(decoding: status, as: UTF8.self).split(separator: ")").last?.split(separator: " ").first
    let isOurs = String(decoding: arguments, as: UTF8.self).contains(layout.data)
    return state != "Z" && isOurs ? .running(pid) : .numberInUse(pid)
  }

  /// We hold the lock, so whatever runs on the data belonged to a service that is gone, and is being stopped.
  private func awaitOrphan() throws(PrivateClusterError) {
    let start_ns = MonotonicTime.now_ns()
    var isAsked = false
    var isPressed = false
    while case .running(let pid) = earlier() {
      let waited_ns = MonotonicTime.now_ns() - start_ns
      if !isAsked {
        kill(pid, SIGINT)
        isAsked = true
      }
      if !isPressed, waited_ns > ClusterLimits.orphanPatience_ns {
        kill(pid, SIGQUIT)
        isPressed = true
      }
      guard waited_ns < ClusterLimits.orphanWait_ns else {
        throw PrivateClusterError(
          "an older PostgreSQL, process \(pid), still uses \(layout.data): stop it (kill -QUIT \(pid))")
      }
      usleep(ClusterLimits.pollPause_us)
    }
    if case .numberInUse = earlier() { try replaceEarlierPID() }
  }

  /// PostgreSQL refuses to start while the pid in its lock files exists. Only the number is replaced, by one that does
  /// not exist: the rest of `postmaster.pid` names the shared memory, whose users PostgreSQL still looks for.
  private func replaceEarlierPID() throws(PrivateClusterError) {
    guard
      let unused = (1...1000).lazy.map({ pid_t(4_194_304 - $0) }).first(where: { kill($0, 0) != 0 && errno == ESRCH })
    else { return }
    do {
      let text = try String(contentsOfFile: layout.postmasterPID, encoding: .utf8)
      let rest = text.drop { $0 != "\n" }
      // In place, since the file is the server account's.
      guard let file = FileHandle(forWritingAtPath: layout.postmasterPID) else { return }
      try file.truncate(atOffset: 0)
      try file.write(contentsOf: Data("\(unused)\(rest)".utf8))
      try file.close()
    } catch {
      throw PrivateClusterError("cannot mend \(layout.postmasterPID): \(error.localizedDescription)")
    }
    for name in [ClusterLayout.socketName, ClusterLayout.socketName + ".lock"] {
      unlink(layout.socketDirectory + "/" + name)
    }
  }

  // MARK: Start

  /// The pid is written into the watcher's pipe by the child itself, before it becomes PostgreSQL: there is no moment
  /// at which our death would leave a server that the watcher does not know.
  private func launch(watcher: ClusterWatcher) throws(PrivateClusterError) -> pid_t {
    let log = try ServerLog(path: layout.log).open()
    defer { close(log) }
    let wrapper = ["/bin/sh", "-c", "echo \"postgres $$\" >&3; exec 3>&-; exec \"$@\"", "sh"]
    let server = account.command([binaries.postgres, "-D", layout.data] + settings.flatMap { ["-c", $0] })
    return try ChildProcess.start(wrapper + server, output: log, error: log, fourth: watcher.descriptor)
  }

  /// The setting is a list: a quoted item may hold commas and blanks.
  private static func quoted(_ directory: String) -> String {
    "\"" + directory.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  private var settings: [String] {
    var settings = [
      "listen_addresses=", "unix_socket_directories=\(Self.quoted(layout.socketDirectory))",
      "unix_socket_permissions=0700",
      "max_connections=\(max(10, maximumConnections))", "shared_buffers=\(layout.dataDirectory == nil ? 16 : 64)MB",
      "synchronous_commit=on", "max_wal_size=256MB", "wal_level=minimal", "max_wal_senders=0", "jit=off",
      "huge_pages=off", "password_encryption=scram-sha-256", "timezone=UTC", "log_timezone=UTC",
      // Neither statements nor values in the log: they are what people said.
      "log_min_error_statement=panic", "log_error_verbosity=terse", "log_parameter_max_length_on_error=0",
      "log_min_messages=warning", "log_checkpoints=off", "log_autovacuum_min_duration=-1", "logging_collector=off",
      "log_destination=stderr",
    ]
    if !isDurable { settings += ["fsync=off", "full_page_writes=off"] }
    return settings
  }

  /// Nil when the server is ready, its status when it has ended.
  private func awaitReady(_ pid: pid_t) throws(PrivateClusterError) -> Int32? {
    let deadline_ns = MonotonicTime.now_ns() + startTimeout_ns
    while MonotonicTime.now_ns() < deadline_ns {
      if let status = ChildProcess.poll(pid) { return status }
      if isReady(pid) { return nil }
      usleep(ClusterLimits.pollPause_us)
    }
    kill(pid, SIGQUIT)
    _ = ChildProcess.wait(pid)
    throw PrivateClusterError(
      "PostgreSQL was not ready within \(startTimeout_ns / 1_000_000_000) s: it may be recovering; see \(layout.log)")
  }

  /// Line 1 of `postmaster.pid` is the pid, line 8 the state.
  private func isReady(_ pid: pid_t) -> Bool {
    guard let text = try? String(contentsOfFile: layout.postmasterPID, encoding: .utf8) else { return false }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.count >= 8 && pid_t(lines[0]) == pid && lines[7].hasPrefix("ready")
  }
}
