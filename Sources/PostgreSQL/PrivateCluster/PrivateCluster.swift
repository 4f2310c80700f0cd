import CLibPQ
import Foundation
import Synchronization

/// A PostgreSQL server of the service's own, reachable through a Unix socket by the service's own user alone.
///
/// It ends with the service, however that ends (`ClusterWatcher`), and is started again when it dies by itself.
package final class PrivateCluster: Sendable {
  private struct State: ~Copyable {
    var isStarted = false
    var isStopping = false
    /// Of the server; nil while none runs.
    var pid: pid_t?
  }

  /// What a started cluster holds on to.
  private struct Running: Sendable {
    let layout: ClusterLayout
    let server: ServerProcess
    let watcher: ClusterWatcher
    let locks: [InstanceLock]
  }

  private let configuration: PrivateClusterConfiguration
  private let onEvent: @Sendable (PrivateClusterEvent) -> Void
  private let state = Mutex(State())
  private let running = Mutex<Running?>(nil)
  /// Signalled once, by the supervisor, when the server has ended for good.
  private let ended = DispatchSemaphore(value: 0)

  /// - Parameter onEvent: called on the supervisor's thread.
  package init(
    configuration: PrivateClusterConfiguration, onEvent: @escaping @Sendable (PrivateClusterEvent) -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.onEvent = onEvent
  }

  /// Makes the cluster when there is none, starts the server, and returns how to connect (a libpq connection string).
  /// May be called once.
  package func start() async throws(PrivateClusterError) -> String {
    try await BlockingWork.run { [self] () throws(PrivateClusterError) in try startBlocking() }
  }

  /// Stops the server (fast shutdown: open transactions are rolled back) and removes what is temporary.
  package func stop() async {
    // Nothing in it throws.
    try? await BlockingWork.run { [self] () throws(PrivateClusterError) in stopBlocking() }
  }

  /// How to connect to the cluster that another process serves from this data directory now; nil when none does.
  package static func runningConnection(dataDirectory: String) -> String? {
    let directory = absolute(dataDirectory)
    guard InstanceLock.isHeld(directory) else { return nil }
    return try? String(contentsOfFile: connectionFile(directory), encoding: .utf8)
  }

  /// Where the data are, when that is not the data directory: the service is root, and `postgres` cannot pass one of the
  /// directory's parents. nil before the start.
  package var elsewhere: String? {
    running.withLock { running in
      guard let layout = running?.layout, let directory = layout.dataDirectory, layout.home != directory else {
        return nil
      }
      return layout.home
    }
  }

  // MARK: Start

  private func startBlocking() throws(PrivateClusterError) -> String {
    let isFirst = state.withLock { state in
      defer { state.isStarted = true }
      return !state.isStarted
    }
    guard isFirst else { throw PrivateClusterError("this cluster was started already") }
    let account = try ServerAccount.current()
    var locks: [InstanceLock] = []
    let layout: ClusterLayout
    switch configuration.storage {
    case .ephemeral:
      layout = try ClusterLayout.ephemeral(account: account, environment: configuration.environment)
    case .directory(let given):
      let directory = Self.absolute(given)
      try Self.makeDataDirectory(directory, account: account)
      locks.append(try InstanceLock(directory: directory, label: directory))
      layout = try ClusterLayout.persistent(directory, account: account)
      // A copied data directory must not share the cluster of its original.
      if layout.home != directory { locks.append(try InstanceLock(directory: layout.home, label: directory)) }
    }
    do {
      return try start(layout, account, locks)
    } catch {
      removeTemporaries(layout)
      throw error
    }
  }

  private func start(
    _ layout: ClusterLayout, _ account: ServerAccount, _ locks: [InstanceLock]
  ) throws(PrivateClusterError) -> String {
    let version = try ClusterInitialization.version(of: layout, account: account)
    let binaries = try ClusterBinaries.find(wanted: version, environment: configuration.environment)
    if version == nil {
      try ClusterInitialization.run(
        layout, account: account, binaries: binaries, isDurable: configuration.isDurable)
    }
    let watcher = try ClusterWatcher(data: layout.data, removing: temporaries(of: layout))
    let server = ServerProcess(
      layout: layout, account: account, binaries: binaries, maximumConnections: configuration.maximumConnections,
      isDurable: configuration.isDurable,
      startTimeout_ns: configuration.startTimeout.nanoseconds)
    let pid: pid_t
    do {
      pid = try server.start(watcher: watcher) { _ in }
    } catch {
      watcher.dismiss()
      throw error
    }
    state.withLock { $0.pid = pid }
    let running = Running(layout: layout, server: server, watcher: watcher, locks: locks)
    self.running.withLock { $0 = running }
    let thread = Thread { [self] in supervise(running, pid) }
    thread.name = "pg-supervisor"
    thread.start()
    let connection = Self.connection(layout, account)
    if let directory = layout.dataDirectory {
      // Only `runningConnection` misses it: the service itself has the string.
      try? connection.write(
        toFile: Self.connectionFile(directory), atomically: true, encoding: .utf8)
    }
    return connection
  }

  private static func makeDataDirectory(_ path: String, account: ServerAccount) throws(PrivateClusterError) {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true,
        attributes: [.posixPermissions: account.isForeign ? 0o711 : 0o700])
    } catch {
      throw PrivateClusterError(
        "the data directory \(path) cannot be made: \(error.localizedDescription); choose another with --data-dir")
    }
  }

  private static func connection(_ layout: ClusterLayout, _ account: ServerAccount) -> String {
    func quoted(_ value: String) -> String {
      "'" + value.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "'"
    }
    return
      "host=\(quoted(layout.socketDirectory)) port=5432 dbname=postgres user=\(quoted(account.role)) sslmode=disable"
  }

  private static func absolute(_ path: String) -> String {
    let full = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    return URL(fileURLWithPath: full).standardizedFileURL.path
  }

  private static func connectionFile(_ directory: String) -> String { directory + "/connection" }

  // MARK: Supervision

  /// Waits for the server to end and starts it again, until told to stop. On a thread of its own.
  private func supervise(_ running: Running, _ first: pid_t) {
    var pid = first
    while true {
      waitForEnd(of: pid, log: ServerLog(path: running.layout.log))
      // Reaped under the lock: `signal` never meets a number that belongs to another process.
      let (isStopping, status) = state.withLock { state in
        state.pid = nil
        return (state.isStopping, ChildProcess.wait(pid))
      }
      running.watcher.serverIsGone()
      guard !isStopping else { break }
      onEvent(.died(reason: "PostgreSQL ended by \(ChildProcess.describe(status: status))"))
      guard let next = restart(running) else { break }
      pid = next
      onEvent(.restarted)
    }
    ended.signal()
  }

  /// Leaves the ended process to be reaped. Meanwhile bounds the log.
  private func waitForEnd(of pid: pid_t, log: ServerLog) {
    let descriptor = lifeecho_pidfd_open(pid)
    guard descriptor >= 0 else { return ChildProcess.awaitEnd(pid) }
    defer { close(descriptor) }
    var ending = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while lifeecho_poll(&ending, ClusterLimits.logCheck_ms) <= 0 { log.empty() }
  }

  /// Nil when it was told to stop meanwhile.
  private func restart(_ running: Running) -> pid_t? {
    var backoff = Backoff()
    while !state.withLock({ $0.isStopping }) {
      do {
        return try running.server.start(watcher: running.watcher) { pid in
          state.withLock { state in
            state.pid = pid
            if state.isStopping { kill(pid, SIGINT) }
          }
        }
      } catch {
        state.withLock { $0.pid = nil }
        guard !state.withLock({ $0.isStopping }) else { return nil }
        onEvent(.restartFailed(error))
        usleep(UInt32(backoff.next_ms()) * 1000)
      }
    }
    return nil
  }

  // MARK: Stop

  private func stopBlocking() {
    guard let running = running.withLock({ $0.take() }) else { return }
    signal(SIGINT, isStopping: true)
    if ended.wait(timeout: .now() + .milliseconds(ClusterLimits.fastShutdown_ms)) == .timedOut {
      signal(SIGQUIT, isStopping: true)
      if ended.wait(timeout: .now() + .milliseconds(ClusterLimits.immediateShutdown_ms)) == .timedOut {
        signal(SIGKILL, isStopping: true)
        ended.wait()
      }
    }
    running.watcher.dismiss()
    if let directory = running.layout.dataDirectory { unlink(Self.connectionFile(directory)) }
    removeTemporaries(running.layout)
  }

  private func signal(_ number: Int32, isStopping: Bool) {
    state.withLock { state in
      state.isStopping = isStopping
      if let pid = state.pid { kill(pid, number) }
    }
  }

  private func temporaries(of layout: ClusterLayout) -> [String] {
    var paths: [String] = []
    if layout.dataDirectory == nil { paths.append(layout.home) }
    if layout.hasTemporarySocketDirectory { paths.append(layout.socketDirectory) }
    return paths
  }

  private func removeTemporaries(_ layout: ClusterLayout) {
    for path in temporaries(of: layout) { try? FileManager.default.removeItem(atPath: path) }
  }
}
