import CLibPQ
import Foundation

/// Opens one connection on a thread of its own, since libpq looks names up synchronously, and hands it over.
struct ConnectionOpener: Sendable {
  enum Purpose: Sendable {
    /// In pipeline mode, with a statement timeout.
    case pool
    /// In ordinary mode.
    case listening
  }

  let configuration: PostgreSQLConfiguration

  /// Calls `completion` on the opener's thread. At most one thread per connection of the pool and listener exists.
  func open(
    _ purpose: Purpose, completion: @escaping @Sendable (Result<OpenedConnection, PostgreSQLError>) -> Void
  ) {
    let thread = Thread {
      completion(Result { () throws(PostgreSQLError) in try connect(purpose) })
    }
    thread.name = "pg-connect"
    thread.start()
  }

  /// Blocks up to the connect timeout. A server that is just starting is asked again until then.
  private func connect(_ purpose: Purpose) throws(PostgreSQLError) -> OpenedConnection {
    let deadline_ns = MonotonicTime.now_ns() + configuration.connectTimeout.nanoseconds
    var backoff = Backoff()
    while true {
      do {
        return try attempt(purpose, deadline_ns: deadline_ns)
      } catch let error where error.sqlState == "57P03" {
        let pause_ms = backoff.next_ms()
        guard MonotonicTime.now_ns() + pause_ms * 1_000_000 < deadline_ns else { throw error }
        usleep(UInt32(pause_ms) * 1000)
      }
    }
  }

  private func attempt(_ purpose: Purpose, deadline_ns: UInt64) throws(PostgreSQLError) -> OpenedConnection {
    let settings = try ConnectionSettings(configuration, purpose)
    guard let pointer = settings.startConnecting() else {
      throw PostgreSQLError(kind: .connection, message: "libpq is out of memory", isRetryable: true)
    }
    let handle = ConnectionHandle(pointer)
    PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
    lifeecho_ignore_notices(pointer)
    var awaited = PGRES_POLLING_WRITING
    while awaited != PGRES_POLLING_OK {
      if PQstatus(pointer) == CONNECTION_BAD { awaited = PGRES_POLLING_FAILED }
      guard awaited != PGRES_POLLING_FAILED else {
        let text = PQerrorMessage(pointer).map { String(cString: $0) } ?? ""
        throw PostgreSQLError.connecting(text, target: settings.target)
      }
      let now_ns = MonotonicTime.now_ns()
      guard now_ns < deadline_ns else {
        throw PostgreSQLError.connecting("no answer within \(configuration.connectTimeout)", target: settings.target)
      }
      var descriptor = pollfd(
        fd: PQsocket(pointer), events: Int16(awaited == PGRES_POLLING_READING ? POLLIN : POLLOUT), revents: 0)
      let ready = poll(&descriptor, 1, Int32(truncatingIfNeeded: (deadline_ns - now_ns) / 1_000_000 + 1))
      if ready > 0 { awaited = PQconnectPoll(pointer) }
    }
    let version = PQserverVersion(pointer)
    guard version >= PostgreSQLLimits.serverVersionMinimum else {
      throw PostgreSQLError.tooOld(version: version, target: settings.target)
    }
    PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
    guard PQsetnonblocking(pointer, 1) == 0, purpose == .listening || PQenterPipelineMode(pointer) == 1 else {
      throw PostgreSQLError(kind: .connection, message: handle.errorMessage, isRetryable: true)
    }
    return OpenedConnection(handle: handle)
  }
}
