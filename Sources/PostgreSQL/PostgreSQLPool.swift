import Foundation
import Synchronization

/// A pool of connections to one database. Every method may be called from any thread or task; none blocks a thread.
///
/// One thread of its own owns all connections. A command is handed to it through a locked list, and the waiting task
/// goes on where it was.
package final class PostgreSQLPool: Sendable {
  private enum State {
    case idle
    case running(Inbox)
    /// Transactions under way still finish through it.
    case stopped(Inbox)

    var inbox: Inbox? {
      switch self {
      case .idle: nil
      case .running(let inbox), .stopped(let inbox): inbox
      }
    }
  }

  package let configuration: PostgreSQLConfiguration
  private let state = Mutex(State.idle)
  private let counters = PoolCounters()
  private let nextID = Atomic<UInt64>(1)

  package init(configuration: PostgreSQLConfiguration) {
    var configuration = configuration
    configuration.connectionCount = min(max(1, configuration.connectionCount), PostgreSQLLimits.connectionCountMaximum)
    configuration.queueLimit = max(1, configuration.queueLimit)
    self.configuration = configuration
  }

  deinit {
    state.withLock { state in
      if case .running(let inbox) = state { inbox.post(.stop(nil)) }
    }
  }

  /// Opens the first connection.
  /// - Throws: one line that says why the database cannot be used and how to mend it. May be called again then.
  package func start() async throws(PostgreSQLError) {
    let inbox = state.withLock { state -> Inbox? in
      guard case .idle = state else { return nil }
      let inbox = Inbox()
      state = .running(inbox)
      return inbox
    }
    guard let inbox else { throw .notStarted }
    let thread = Thread { [configuration, counters] in
      PoolLoop(configuration: configuration, inbox: inbox, counters: counters).run()
    }
    thread.name = "pg-pool"
    thread.start()
    let failure = await withUnsafeContinuation { continuation in
      if !inbox.post(.openFirst(continuation)) { continuation.resume(returning: PostgreSQLError.stopping) }
    }
    if let failure {
      await stop(inbox)
      state.withLock { $0 = .idle }
      throw failure
    }
  }

  /// Takes no new commands, lets those under way and open transactions end (up to `drainTimeout`), and closes all.
  package func stop() async {
    let inbox = state.withLock { state -> Inbox? in
      guard case .running(let inbox) = state else { return nil }
      state = .stopped(inbox)
      return inbox
    }
    if let inbox { await stop(inbox) }
  }

  private func stop(_ inbox: Inbox) async {
    await withUnsafeContinuation { continuation in
      if !inbox.post(.stop(continuation)) { continuation.resume() }
    }
  }

  package var statistics: PoolStatistics { counters.snapshot }

  /// Runs one statement, committed by itself, and returns when the commit is durable.
  ///
  /// A cancelled task stops waiting for a connection; once sent, the statement runs to its end and its result is
  /// returned, so that nobody has to wonder whether it was committed.
  package func query(
    _ statement: Statement, _ parameters: [PostgreSQLValue] = [], kind: CommandKind = .write
  ) async throws(PostgreSQLError) -> PostgreSQLResult {
    let encoded = try EncodedParameters(parameters)
    return try await run(.query(statement, encoded, kind), timeout: configuration.statementTimeout)
  }

  /// Runs several statements with the simple protocol: one implicit transaction, unless they contain `BEGIN`.
  package func script(_ sql: String) async throws(PostgreSQLError) {
    _ = try await run(.script(sql), timeout: configuration.statementTimeout)
  }

  /// Events of one channel until the reader stops reading; finishes when the pool stops. The connection is one more
  /// than the pool's, and comes back by itself. Only the latest events are kept for a slow reader.
  package func notifications(on channel: String) -> AsyncStream<NotificationEvent> {
    let id = makeID()
    let (stream, continuation) = AsyncStream.makeStream(
      of: NotificationEvent.self, bufferingPolicy: .bufferingNewest(PostgreSQLLimits.notificationBuffer))
    let inbox = state.withLock { $0.inbox }
    guard channel.utf8.count <= PostgreSQLLimits.channelNameBytes, let inbox,
      inbox.post(.listen(id: id, channel: channel, continuation))
    else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { _ in inbox.post(.unlisten(id)) }
    return stream
  }

  func makeID() -> UInt64 { nextID.add(1, ordering: .relaxed).oldValue }

  func run(
    _ work: Command.Work, id: UInt64? = nil, pin: UInt64? = nil, begins: Bool = false, timeout: Duration?
  ) async throws(PostgreSQLError) -> PostgreSQLResult {
    guard let inbox = state.withLock({ $0.inbox }) else { throw .notStarted }
    let id = id ?? makeID()
    let timeout_ns = timeout?.nanoseconds
    let answer: Command.Answer = await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let command = Command(
          id: id, work: work, pin: pin, begins: begins, timeout_ns: timeout_ns, continuation: continuation)
        if Task.isCancelled, pin == nil {
          command.finish(.failure(.cancelled))
        } else if !inbox.post(.run(command)) {
          command.finish(.failure(.stopping))
        }
      }
    } onCancel: {
      inbox.post(.cancel(id))
    }
    return try answer.get()
  }

  /// Gives a pinned connection back.
  func release(_ pin: UInt64) {
    _ = state.withLock { $0.inbox }?.post(.release(pin))
  }
}
