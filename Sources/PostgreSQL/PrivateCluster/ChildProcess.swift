import CLibPQ
import Foundation

/// Starts programs in a session of their own, with no descriptor of ours but the given ones. Blocks: not for event loops.
enum ChildProcess {
  /// What PostgreSQL's programs see of the environment: a missing locale in ours would fail initdb.
  static let environment = ["PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C.UTF-8", "TZ=UTC"]

  struct Outcome {
    /// As `waitpid` gives it.
    let status: Int32
    let output: String

    var succeeded: Bool { status == 0 }
  }

  /// - Parameters:
  ///   - arguments: the program's absolute path first.
  ///   - input, output, error: −1 is `/dev/null`. - fourth: becomes descriptor 3; −1 is none.
  static func start(
    _ arguments: [String], input: Int32 = -1, output: Int32 = -1, error: Int32 = -1, fourth: Int32 = -1
  ) throws(PrivateClusterError) -> pid_t {
    var pid: pid_t = 0
    let status = withCStrings(arguments) { arguments in
      withCStrings(environment) { environment in
        arguments.first.flatMap { $0 }.map { path in
          lifeecho_spawn(&pid, path, arguments, environment, input, output, error, fourth)
        } ?? EINVAL
      }
    }
    guard status == 0 else {
      throw PrivateClusterError("cannot start \(arguments.first ?? ""): \(String(cString: strerror(status)))")
    }
    return pid
  }

  /// Runs a program to its end and returns what it wrote; kills it at the deadline.
  static func run(_ arguments: [String], timeout_ns: UInt64) throws(PrivateClusterError) -> Outcome {
    var ends: [Int32] = [-1, -1]
    guard lifeecho_pipe(&ends) == 0 else { throw PrivateClusterError("the process is out of file descriptors") }
    defer { close(ends[0]) }
    let pid: pid_t
    do {
      pid = try start(arguments, output: ends[1], error: ends[1])
    } catch {
      close(ends[1])
      throw error
    }
    close(ends[1])
    let deadline_ns = MonotonicTime.now_ns() + timeout_ns
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let now_ns = MonotonicTime.now_ns()
      guard now_ns < deadline_ns else {
        kill(pid, SIGKILL)
        break
      }
      var descriptor = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
      let wait_ms = Int32(truncatingIfNeeded: (deadline_ns - now_ns) / 1_000_000 + 1)
      guard lifeecho_poll(&descriptor, wait_ms) > 0 else { continue }
      let count = read(ends[0], &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      if output.count < ClusterLimits.outputBytes { output += buffer[..<count] }
    }
    return Outcome(status: wait(pid), output: String(decoding: output, as: UTF8.self))
  }

  /// Blocks until the process, a child of ours, has ended; returns its status.
  static func wait(_ pid: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status
  }

  /// Blocks until the process has ended, and leaves it to be reaped.
  static func awaitEnd(_ pid: pid_t) {
    var information = siginfo_t()
    while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
  }

  /// The status of a child that has ended, else nil. Ask no more after it was given.
  static func poll(_ pid: pid_t) -> Int32? {
    var status: Int32 = 0
    return waitpid(pid, &status, WNOHANG) == pid ? status : nil
  }

  static func describe(status: Int32) -> String {
    let signal = status & 0x7f
    return signal == 0 ? "exit code \((status >> 8) & 0xff)" : "signal \(signal)"
  }

  private static func withCStrings<R>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> R) -> R {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}
