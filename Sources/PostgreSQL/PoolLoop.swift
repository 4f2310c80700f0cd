import CLibPQ
import Foundation
import Synchronization

/// The pool's thread: waits on all connections at once, and is the only one to touch them. Never leaves its thread.
final class PoolLoop {
  let configuration: PostgreSQLConfiguration
  let inbox: Inbox
  let counters: PoolCounters
  let poll = EventPoll()
  let opener: ConnectionOpener
  var scheduler: Scheduler<Queued>
  var connections: [PoolConnection?]
  var pins: [UInt64: Int] = [:]
  var listeners: [UInt64: NotificationListener] = [:]
  var catalog = StatementCatalog()
  let cancelQueue = DispatchQueue(label: "pg-cancel")
  var backoff = Backoff()
  var nextTicket: UInt64 = 1
  var openTickets: [UInt64: Int] = [:]
  /// No attempt to connect before this moment.
  var connectNotBefore_ns: UInt64 = 0
  var lastFailure: PostgreSQLError?
  var starter: UnsafeContinuation<PostgreSQLError?, Never>?
  private var stoppers: [UnsafeContinuation<Void, Never>] = []
  var stopDeadline_ns: UInt64?
  private let waitTimeout_ns: UInt64
  private(set) var now_ns = MonotonicTime.now_ns()

  /// A waiting command.
  struct Queued {
    let command: Command
    var staleCount: UInt8 = 0
  }

  static let wakeToken: UInt64 = 0

  init(configuration: PostgreSQLConfiguration, inbox: Inbox, counters: PoolCounters) {
    self.configuration = configuration
    self.inbox = inbox
    self.counters = counters
    opener = ConnectionOpener(configuration: configuration)
    scheduler = Scheduler(connectionCount: configuration.connectionCount, queueLimit: configuration.queueLimit)
    connections = Array(repeating: nil, count: configuration.connectionCount)
    waitTimeout_ns = configuration.waitTimeout.nanoseconds
    poll.add(inbox.wakeDescriptor, token: Self.wakeToken)
  }

  /// Returns when the pool has stopped.
  func run() {
    var messages: [Inbox.Message] = []
    while true {
      now_ns = MonotonicTime.now_ns()
      inbox.take(into: &messages, beforeSleep: false)
      for message in messages { receive(message) }
      messages.removeAll(keepingCapacity: true)
      checkTime()
      dispatch()
      counters.queued.store(scheduler.queuedCount, ordering: .relaxed)
      if let stopDeadline_ns, scheduler.isIdle || now_ns >= stopDeadline_ns { break }
      inbox.take(into: &messages, beforeSleep: true)
      let timeout_ms = messages.isEmpty ? timeToNextDeadline_ms() : 0
      poll.wait(timeout_ms: timeout_ms) { ready($0) }
      // Messages taken just now come first in the next round, together with what came meanwhile.
      for message in messages { receive(message) }
      messages.removeAll(keepingCapacity: true)
    }
    end()
  }

  // MARK: Messages

  func receive(_ message: Inbox.Message) {
    switch message {
    case .run(let command):
      accept(Queued(command: command))
    case .cancel(let id):
      if let queued = scheduler.remove(id: id) { finish(queued.command, .failure(.cancelled)) }
    case .release(let pin):
      release(pin)
    case .opened(let ticket, let result):
      opened(ticket, result)
    case .openFirst(let continuation):
      starter = continuation
      open(slot: 0)
    case .listen(let id, let channel, let continuation):
      listen(id: id, channel: channel, continuation)
    case .unlisten(let id):
      unlisten(id)
    case .stop(let continuation):
      if let continuation { stoppers.append(continuation) }
      stopDeadline_ns = stopDeadline_ns ?? now_ns &+ (continuation == nil ? 0 : configuration.drainTimeout.nanoseconds)
    }
  }

  func accept(_ queued: Queued) {
    let command = queued.command
    if let pin = command.pin {
      guard let slot = pins[pin], let connection = connections[slot] else {
        return finish(command, .failure(.transactionLost))
      }
      return runPinned(command, on: connection)
    }
    guard stopDeadline_ns == nil else { return finish(command, .failure(.stopping)) }
    let lane: Scheduler<Queued>.Lane =
      switch command.work {
      case .query(_, _, let kind): kind == .read ? .read : .write
      case .script, .acquire: .exclusive
      }
    let waiting = Scheduler<Queued>.Waiting(
      id: command.id, lane: lane, deadline_ns: command.submitted_ns &+ waitTimeout_ns, item: queued)
    if !scheduler.enqueue(waiting) {
      finish(command, .failure(.overloaded(limit: configuration.queueLimit)))
    }
  }

  /// A script runs alone, since it leaves pipeline mode; what comes after it waits for it.
  func runPinned(_ command: Command, on connection: PoolConnection) {
    let isScript = if case .script = command.work { true } else { false }
    if connection.mustDefer || (isScript && !connection.canTakeScript) {
      connection.deferred.append(command)
    } else {
      send(Queued(command: command), on: connection)
    }
  }

  func release(_ pin: UInt64) {
    guard let slot = pins.removeValue(forKey: pin), let connection = connections[slot] else { return }
    connection.pin = nil
    connection.isReleasing = true
    finishRelease(connection)
  }

  func finishRelease(_ connection: PoolConnection) {
    guard connection.isReleasing, connection.inFlight.isEmpty, connection.deferred.isEmpty else { return }
    connection.isReleasing = false
    if connection.isBetweenTransactions {
      scheduler.released(connection.slot)
    } else {
      // Whatever its owner left behind, closing it rolls that back.
      close(connection)
    }
  }

  // MARK: Sending

  func dispatch() {
    while let (slot, waiting) = scheduler.nextAssignment() {
      guard let connection = connections[slot] else { continue }
      if case .acquire = waiting.item.command.work {
        connection.pin = waiting.item.command.id
        pins[waiting.item.command.id] = slot
        waiting.item.command.finish(.success(.empty))
      } else {
        send(waiting.item, on: connection)
      }
    }
    guard scheduler.queuedCount > 0, now_ns >= connectNotBefore_ns else { return }
    for slot in scheduler.slotsToOpen() { open(slot: slot) }
  }

  func send(_ queued: Queued, on connection: PoolConnection) {
    var shape: StatementShape?
    if case .query(let statement, let parameters, _) = queued.command.work {
      shape = catalog.shape(for: statement, types: parameters.types)
    }
    let couldWrite = !connection.wantsToWrite
    let isSent = connection.send(queued.command, shape: shape, staleCount: queued.staleCount, now_ns: now_ns)
    if !isSent {
      let error = lostError(connection)
      if !connection.inFlight.contains(queued.command.id) {
        finish(queued.command, .failure(error.notSent))
      }
      lose(connection, error)
    } else if couldWrite == connection.wantsToWrite {
      poll.setInterest(connection.descriptor, token: connection.token, writable: connection.wantsToWrite)
    }
  }

  // MARK: Readiness

  func ready(_ readiness: EventPoll.Readiness) {
    if readiness.token == Self.wakeToken { return inbox.clearWake() }
    if readiness.token & NotificationListener.tokenBit != 0 { return listenerReady(readiness.token) }
    let slot = Int(readiness.token & 0xff) - 1
    guard slot >= 0, slot < connections.count, let connection = connections[slot], connection.token == readiness.token
    else { return }
    if readiness.isWritable {
      guard connection.flush() else { return lose(connection, lostError(connection)) }
      poll.setInterest(connection.descriptor, token: connection.token, writable: connection.wantsToWrite)
    }
    guard readiness.isReadable else { return }
    now_ns = MonotonicTime.now_ns()
    let isAlive = connection.receive(now_ns: now_ns) { event in
      switch event {
      case .answered(let inFlight, let answer):
        finish(inFlight, answer, on: connection)
      case .stale(let inFlight):
        scheduler.finished(connection.slot)
        scheduler.enqueueFirst(
          Scheduler<Queued>.Waiting(
            id: inFlight.command.id, lane: inFlight.command.kind == .read ? .read : .write,
            deadline_ns: inFlight.command.submitted_ns &+ waitTimeout_ns,
            item: Queued(command: inFlight.command, staleCount: inFlight.staleCount + 1)))
      }
    }
    guard isAlive else { return lose(connection, lostError(connection)) }
    while connection.canTakeScript, let command = connection.deferred.popFirst() {
      send(Queued(command: command), on: connection)
      if connections[slot] !== connection { return }
    }
    finishRelease(connection)
  }

  func finish(_ inFlight: PoolConnection.InFlight, _ answer: Command.Answer, on connection: PoolConnection) {
    if inFlight.command.pin == nil {
      if case .script = inFlight.command.work {
        connection.isReleasing = true
      } else {
        scheduler.finished(connection.slot)
      }
    }
    counters.roundTrips.add(1, ordering: .relaxed)
    finish(inFlight.command, answer, sent_ns: inFlight.sent_ns)
  }

  func finish(_ command: Command, _ answer: Command.Answer, sent_ns: UInt64? = nil) {
    counters.commands.add(1, ordering: .relaxed)
    var failure: PostgreSQLError?
    if case .failure(let error) = answer {
      failure = error
      counters.errors.add(1, ordering: .relaxed)
    }
    if let observer = configuration.observer {
      let sent = sent_ns ?? now_ns
      observer.commandFinished(
        statement: command.name, kind: command.kind, wait_ns: sent &- min(sent, command.submitted_ns),
        run_ns: now_ns &- min(now_ns, sent), error: failure)
    }
    command.finish(answer)
  }

  // MARK: End

  func end() {
    let reason = PostgreSQLError.stopping
    for queued in scheduler.removeAll() { finish(queued.command, .failure(reason)) }
    for connection in connections {
      guard let connection else { continue }
      lose(connection, PostgreSQLError(kind: .closed, message: "the database pool stopped before the answer came"))
    }
    for id in Array(listeners.keys) { unlisten(id) }
    starter?.resume(returning: reason)
    for message in inbox.shut() {
      switch message {
      case .run(let command): finish(command, .failure(reason))
      case .openFirst(let continuation): continuation.resume(returning: reason)
      case .listen(_, _, let continuation): continuation.finish()
      case .stop(let continuation?): stoppers.append(continuation)
      case .stop(nil), .cancel, .release, .opened, .unlisten: break
      }
    }
    counters.queued.store(0, ordering: .relaxed)
    for stopper in stoppers { stopper.resume() }
  }
}

extension FIFO<PoolConnection.InFlight> {
  fileprivate func contains(_ id: UInt64) -> Bool {
    contains(where: { $0.command.id == id })
  }
}

extension PostgreSQLError {
  /// The same failure for a command that never left.
  fileprivate var notSent: PostgreSQLError {
    var error = self
    error.isRetryable = true
    error.commandMayHaveRun = false
    return error
  }
}
