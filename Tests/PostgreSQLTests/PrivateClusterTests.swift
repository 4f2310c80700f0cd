import Foundation
import Synchronization
import TestSupport
import Testing

@testable import PostgreSQL

// Serialized: a dozen initdb at once would make every deadline here depend on the machine.
@Suite(.serialized) struct PrivateClusterTests {
  private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  @Test func anEphemeralClusterIsReadySoonAndLeavesNothing() async throws {
    let cluster = PrivateCluster(
      configuration: PrivateClusterConfiguration(storage: .ephemeral, environment: TestCluster.environment))
    let start = ContinuousClock.now
    let url = try await cluster.start()
    // 3 s are promised; other suites keep this machine busy meanwhile.
    #expect(ContinuousClock.now - start < .seconds(10))
    #expect(try await TestCluster.writeRow(url) == 1)
    let settings = try await TestCluster.withPool(url) { pool in
      try await pool.query(
        Statement(
          "settings",
          """
          SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('listen_addresses'),
            current_setting('server_encoding'), current_user::text, current_setting('data_directory')
          """)
      ).map { row in try (0..<6).map { try row.string($0) } }
    }
    let role = try #require(ServerAccount.name(of: geteuid()))
    #expect(settings.first.map { Array($0.prefix(5)) } == ["off", "on", "", "UTF8", role])
    let home = try #require(settings.first?.last.map { ($0 as NSString).deletingLastPathComponent })
    #expect(Self.exists(home))
    await cluster.stop()
    #expect(!Self.exists(home))
    await #expect(throws: PrivateClusterError.self) { try await cluster.start() }
  }

  enum Place: String, CaseIterable { case plain, behindAClosedParent, atALongPath, withOddCharacters }

  @Test(arguments: Place.allCases) func dataSurvivesARestart(place: Place) async throws {
    let root = try TemporaryDirectory(mode: place == .behindAClosedParent ? 0o700 : 0o755)
    let directory =
      switch place {
      case .plain, .behindAClosedParent: root.path + "/data-dir"
      case .atALongPath: root.path + "/" + String(repeating: "long-", count: 30)
      case .withOddCharacters: root.path + "/it's 数据\\ *"
      }
    for round in 1...2 {
      let (cluster, url) = try await TestCluster.start(directory, isDurable: place == .plain)
      #expect(try await TestCluster.writeRow(url) == round)
      #expect(PrivateCluster.runningConnection(dataDirectory: directory) == url)
      let isElsewhere = TestCluster.home(of: directory) != directory
      #expect(isElsewhere == (place == .behindAClosedParent && geteuid() == 0))
      let pid = try TestCluster.serverPID(of: directory)
      await cluster.stop()
      #expect(TestCluster.hasEnded(pid))
      #expect(PrivateCluster.runningConnection(dataDirectory: directory) == nil)
    }
    TestCluster.removeHome(of: directory)
  }

  @Test func aSecondInstanceIsRefusedByName() async throws {
    let root = try TemporaryDirectory()
    let (cluster, _) = try await TestCluster.start(root.path)
    let error = await #expect(throws: PrivateClusterError.self) { _ = try await TestCluster.start(root.path) }
    #expect(error?.description.contains(root.path) == true)
    #expect(error?.description.contains("process \(getpid())") == true)
    await cluster.stop()
    let (again, _) = try await TestCluster.start(root.path)
    await again.stop()
    TestCluster.removeHome(of: root.path)
  }

  @Test func theServerIsOutOfReachOfTheTerminalAndOfOurSockets() async throws {
    let root = try TemporaryDirectory()
    let sockets = try TemporaryDirectory()
    let listener = try UnixSocket.listen(sockets.path + "/inherited")
    defer { close(listener) }
    let inode = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(listener)")
    let (cluster, _) = try await TestCluster.start(root.path)
    let pid = try TestCluster.serverPID(of: root.path)
    #expect(getsid(pid) != getsid(0))
    #expect(getpgid(pid) == pid)
    let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
    for descriptor in descriptors {
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(descriptor)")
      #expect(target != inode)
    }
    await cluster.stop()
    TestCluster.removeHome(of: root.path)
  }

  @Test func aServerThatDiesIsStartedAgain() async throws {
    let root = try TemporaryDirectory()
    let events = Mutex<[String]>([])
    let (cluster, url) = try await TestCluster.start(root.path) { event in
      events.withLock { events in
        switch event {
        case .died: events.append("died")
        case .restarted: events.append("restarted")
        case .restartFailed(let error): events.append(error.description)
        }
      }
    }
    let pool = PostgreSQLPool(configuration: PostgreSQLConfiguration(url: url, connectionCount: 2))
    try await pool.start()
    #expect(try await TestCluster.writeRow(url) == 1)
    kill(try TestCluster.serverPID(of: root.path), SIGKILL)
    try await waitUntil { events.withLock { $0.last == "restarted" } }
    #expect(events.withLock { $0 } == ["died", "restarted"])
    try await waitUntil { await failure { _ = try await pool.query(PoolTests.one) } == nil }
    #expect(try await TestCluster.writeRow(url) == 2)
    await pool.stop()
    await cluster.stop()
    TestCluster.removeHome(of: root.path)
  }

  enum Victim: CaseIterable { case service, both, serverThenService }

  @Test(arguments: Victim.allCases) func aKilledServiceLeavesNoServerAndLosesNothing(victim: Victim) async throws {
    let root = try TemporaryDirectory()
    let process = try SecondProcess.start(directory: root.path)
    try await waitUntil(within: .seconds(60)) { Self.exists(root.path + "/ready") }
    let pid = try TestCluster.serverPID(of: root.path)
    if victim == .serverThenService { kill(pid, SIGKILL) }
    kill(process.processIdentifier, SIGKILL)
    if victim == .both { kill(pid, SIGKILL) }
    process.waitUntilExit()
    // At once, while the watcher may still be stopping the old server.
    let (cluster, url) = try await TestCluster.start(root.path)
    #expect(TestCluster.hasEnded(pid))
    #expect(try await TestCluster.writeRow(url) == 2)
    await cluster.stop()
    TestCluster.removeHome(of: root.path)
  }

  @Test func theWatcherAloneStopsTheServer() async throws {
    let root = try TemporaryDirectory()
    let process = try SecondProcess.start(directory: root.path)
    try await waitUntil(within: .seconds(60)) { Self.exists(root.path + "/ready") }
    let pid = try TestCluster.serverPID(of: root.path)
    kill(process.processIdentifier, SIGKILL)
    try await waitUntil { TestCluster.hasEnded(pid) }
    try await waitUntil { !Self.exists(TestCluster.home(of: root.path) + "/data/postmaster.pid") }
    TestCluster.removeHome(of: root.path)
  }

  @Test func aStaleFileOfAnotherProcessAndAHalfMadeClusterDoNotMatter() async throws {
    let root = try TemporaryDirectory()
    let first = try await TestCluster.start(root.path)
    #expect(try await TestCluster.writeRow(first.url) == 1)
    let file = TestCluster.home(of: root.path) + "/data/postmaster.pid"
    let content = try String(contentsOfFile: file, encoding: .utf8)
    await first.cluster.stop()
    // The number now belongs to a process that is not PostgreSQL: this one.
    let stale = "\(getpid())" + content.drop { $0 != "\n" }
    try Data(stale.utf8).write(to: URL(fileURLWithPath: file))
    let account = try ServerAccount.current()
    if account.isForeign { chown(file, account.uid, account.gid) }
    try FileManager.default.createDirectory(
      atPath: TestCluster.home(of: root.path) + "/data.new/base", withIntermediateDirectories: true)
    let second = try await TestCluster.start(root.path)
    #expect(try await TestCluster.writeRow(second.url) == 2)
    await second.cluster.stop()
    TestCluster.removeHome(of: root.path)
  }

  @Test func aCrashDuringTheFirstStartLeavesARoomForTheNext() async throws {
    let root = try TemporaryDirectory()
    try FileManager.default.createDirectory(atPath: root.path + "/data.new/base", withIntermediateDirectories: true)
    let (cluster, url) = try await TestCluster.start(root.path)
    #expect(try await TestCluster.writeRow(url) == 1)
    await cluster.stop()
    TestCluster.removeHome(of: root.path)
  }

  @Test func anUnknownLocaleInTheEnvironmentDoesNotMatter() async throws {
    let root = try TemporaryDirectory()
    let process = try SecondProcess.start(
      directory: root.path, extra: ["LANG": "xx_YY.UTF-8", "LC_ALL": "xx_YY.UTF-8", "TZ": "Nowhere/Never"])
    try await waitUntil(within: .seconds(60)) { Self.exists(root.path + "/ready") }
    try Data().write(to: URL(fileURLWithPath: root.path + "/stop"))
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    TestCluster.removeHome(of: root.path)
  }

  /// The other account than the one the tests run as.
  @Test(.enabled(if: geteuid() == 0 && nobodyCanRunThis)) func anOrdinaryUserNeedsNothingElse() async throws {
    let root = try TemporaryDirectory(mode: 0o700)
    let nobody = try #require(getpwnam("nobody")).pointee
    chown(root.path, nobody.pw_uid, nobody.pw_gid)
    let process = try SecondProcess.start(directory: root.path, asNobody: true)
    try await waitUntil(within: .seconds(60)) { Self.exists(root.path + "/ready") }
    let status = try FileManager.default.attributesOfItem(atPath: root.path + "/data")
    #expect(status[.ownerAccountName] as? String == "nobody")
    try Data().write(to: URL(fileURLWithPath: root.path + "/stop"))
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    // What one user made is not taken over by another.
    let error = await #expect(throws: PrivateClusterError.self) { _ = try await TestCluster.start(root.path) }
    #expect(error != nil)
  }

  /// Whether the checkout is readable for everyone, which it is not below a closed home directory.
  private static var nobodyCanRunThis: Bool {
    guard let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return false }
    let paths = [own] + CommandLine.arguments.filter { $0.hasPrefix("/") && exists($0) }
    let test = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
    return paths.allSatisfy { path in
      let outcome = try? ChildProcess.run(
        test + ["/usr/bin/test", "-r", path], timeout_ns: ClusterLimits.probeTimeout_ns)
      return outcome?.succeeded ?? false
    }
  }

  @Test func aFileInPlaceOfTheDataDirectoryIsNamed() async throws {
    let root = try TemporaryDirectory()
    try Data().write(to: URL(fileURLWithPath: root.path + "/file"))
    let error = await #expect(throws: PrivateClusterError.self) { _ = try await TestCluster.start(root.path + "/file") }
    #expect(error?.description.contains(root.path + "/file") == true)
    #expect(error?.description.contains("--data-dir") == true)
  }

  @Test func theLogIsBounded() throws {
    let root = try TemporaryDirectory()
    let log = ServerLog(path: root.path + "/postgres.log")
    let descriptor = try log.open()
    defer { close(descriptor) }
    let line = [UInt8](repeating: 0x61, count: 1000)
    for _ in 0..<3 { _ = write(descriptor, line, line.count) }
    log.empty(ifOver: 2000)
    #expect(log.size == 0)
    _ = write(descriptor, line, line.count)
    #expect(log.size == 1000)
    #expect(log.text(from: 400).count == 600)
  }
}
