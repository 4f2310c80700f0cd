import CLibPQ

/// One connection of the pool: sends commands in pipeline mode and collects their answers in order. Pool thread only.
///
/// A command is complete at its synchronisation point, not at its result: until then the commit may still fail.
final class PoolConnection {
  /// A command on its way.
  struct InFlight {
    let command: Command
    let sent_ns: UInt64
    /// Times its plan was found stale.
    let staleCount: UInt8
    /// Successful results to skip: of BEGIN and of Parse.
    var leadingResults: Int
    /// Prepared with this command, so unknown to the server if that fails.
    let preparing: StatementShape?
    let shape: StatementShape?
    var answer: Command.Answer?
  }

  enum Event {
    /// An answer is complete.
    case answered(InFlight, Command.Answer)
    /// To be sent again: its plan was stale, so it did not run.
    case stale(InFlight)
  }

  let handle: ConnectionHandle
  let descriptor: Int32
  let slot: Int
  /// Tells this connection's readiness reports from those of its predecessor in the slot.
  let token: UInt64
  /// The transaction that owns it.
  var pin: UInt64?
  /// The owner is gone; free it when the last answer is in.
  var isReleasing = false
  /// Commands of the owner that must not be pipelined with what is on its way.
  var deferred = FIFO<Command>()
  private(set) var inFlight = FIFO<InFlight>()
  private(set) var wantsToWrite = false
  private var isRunningScript = false
  private var prepared: [Int: Int] = [:]
  private var generations: [Int: Int] = [:]
  /// When the oldest command on its way began to be the oldest.
  private var headSince_ns: UInt64 = 0
  private(set) var cancelSent = false

  init(_ opened: OpenedConnection, slot: Int, token: UInt64) {
    handle = opened.handle
    descriptor = PQsocket(opened.handle.pointer)
    self.slot = slot
    self.token = token
  }

  var canTakeScript: Bool { inFlight.isEmpty }
  var mustDefer: Bool { isRunningScript || !deferred.isEmpty }

  /// The server has no transaction open: another may use the connection.
  var isBetweenTransactions: Bool { PQtransactionStatus(handle.pointer) == PQTRANS_IDLE }

  // MARK: Sending

  /// False when libpq refused: the connection is lost, and the command was not sent.
  func send(_ command: Command, shape: StatementShape?, staleCount: UInt8, now_ns: UInt64) -> Bool {
    var leading = 0
    var preparing: StatementShape?
    let isSent: Bool
    switch command.work {
    case .acquire:
      return true
    case .script(let sql):
      isRunningScript = true
      isSent = PQexitPipelineMode(handle.pointer) == 1 && PQsendQuery(handle.pointer, sql) == 1
    case .query(let statement, let parameters, _):
      var ok = true
      if command.begins {
        ok = PQsendQueryParams(handle.pointer, "BEGIN", 0, nil, nil, nil, nil, 1) == 1
        leading += 1
      }
      if let shape {
        let generation = generations[shape.number] ?? 0
        if prepared[shape.number] != generation {
          prepared[shape.number] = generation
          preparing = shape
          leading += 1
          ok =
            ok
            && PQsendPrepare(
              handle.pointer, shape.serverName(generation: generation), shape.text, Int32(shape.types.count),
              shape.types) == 1
        }
        ok = ok && sendPrepared(shape.serverName(generation: generation), parameters)
      } else {
        ok = ok && sendUnprepared(statement, parameters)
      }
      isSent = ok && PQpipelineSync(handle.pointer) == 1
    }
    guard isSent else { return false }
    if inFlight.isEmpty {
      headSince_ns = now_ns
      cancelSent = false
    }
    inFlight.append(
      InFlight(
        command: command, sent_ns: now_ns, staleCount: staleCount, leadingResults: leading, preparing: preparing,
        shape: shape))
    return flush()
  }

  private func sendPrepared(_ name: [CChar], _ parameters: EncodedParameters) -> Bool {
    parameters.withPointers { values, lengths, formats in
      PQsendQueryPrepared(handle.pointer, name, Int32(parameters.count), values, lengths, formats, 1) == 1
    }
  }

  private func sendUnprepared(_ statement: Statement, _ parameters: EncodedParameters) -> Bool {
    parameters.withPointers { values, lengths, formats in
      PQsendQueryParams(
        handle.pointer, statement.text, Int32(parameters.count), parameters.types, values, lengths, formats, 1) == 1
    }
  }

  /// Sends what libpq holds back. False when the connection is lost.
  func flush() -> Bool {
    let rest = PQflush(handle.pointer)
    wantsToWrite = rest == 1
    return rest >= 0
  }

  // MARK: Receiving

  /// Reads what has come. False when the connection is lost; the answers that arrived before are still collected.
  func receive(now_ns: UInt64, _ handle: (Event) -> Void) -> Bool {
    let isAlive = PQconsumeInput(self.handle.pointer) == 1
    let isUnderstood = collect(now_ns: now_ns, handle)
    return isAlive && isUnderstood && PQstatus(self.handle.pointer) == CONNECTION_OK
  }

  /// False when an answer came that this module does not understand (COPY).
  private func collect(now_ns: UInt64, _ handle: (Event) -> Void) -> Bool {
    var emptyResults = 0
    while !inFlight.isEmpty, PQisBusy(self.handle.pointer) == 0 {
      guard let result = PQgetResult(self.handle.pointer) else {
        if isRunningScript {
          isRunningScript = false
          let isBack = PQenterPipelineMode(self.handle.pointer) == 1
          finishHead(now_ns: now_ns, handle)
          guard isBack else { return false }
        }
        // One separates two answers; two mean that nothing more is here.
        emptyResults += 1
        if emptyResults > 1 { break }
        continue
      }
      emptyResults = 0
      switch PQresultStatus(result) {
      case PGRES_PIPELINE_SYNC:
        PQclear(result)
        finishHead(now_ns: now_ns, handle)
      case PGRES_PIPELINE_ABORTED:
        PQclear(result)
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
        let storage = ResultStorage(result)
        inFlight.updateFirst { head in
          if head.leadingResults > 0 {
            head.leadingResults -= 1
          } else if head.answer == nil {
            head.answer = .success(isRunningScript ? .empty : PostgreSQLResult(storage))
          }
        }
      case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
        PQclear(result)
        return false
      default:
        fail(result)
      }
    }
    return true
  }

  /// Keeps the first error; one that comes after a result is a commit that failed, and replaces it.
  private func fail(_ result: OpaquePointer) {
    defer { PQclear(result) }
    inFlight.updateFirst { head in
      if case .failure? = head.answer { return }
      var script: String?
      if case .script(let text) = head.command.work { script = text }
      var error = PostgreSQLError(result: result, script: script)
      if error.kind == .connection {
        // Not from the server but from libpq: the connection is gone, `lost` says the rest.
        return
      }
      if error.sqlState.hasPrefix("57P"), head.answer != nil {
        // It had run already, and only its commit was left: nobody knows.
        error.isRetryable = head.command.kind == .read
        error.commandMayHaveRun = true
      }
      head.answer = .failure(error)
    }
  }

  private func finishHead(now_ns: UInt64, _ handle: (Event) -> Void) {
    guard let head = inFlight.popFirst() else { return }
    headSince_ns = now_ns
    cancelSent = false
    let answer = head.answer ?? .success(.empty)
    if case .failure(let error) = answer {
      if head.leadingResults > 0, let shape = head.preparing { prepared[shape.number] = nil }
      if let shape = head.shape, Self.isStalePlan(error) {
        prepared[shape.number] = nil
        generations[shape.number, default: 0] += 1
        if head.command.pin == nil, head.staleCount < PostgreSQLLimits.stalePlanRetries {
          handle(.stale(head))
          return
        }
      }
    }
    handle(.answered(head, answer))
  }

  /// The table changed under a prepared statement, or the server forgot it. Raised before it runs.
  private static func isStalePlan(_ error: PostgreSQLError) -> Bool {
    error.sqlState == "26000" || (error.sqlState == "0A000" && error.message.contains("cached plan"))
  }

  // MARK: Time

  /// When the oldest command must be cancelled, or, after that, the connection given up. Nil: never.
  var nextDeadline_ns: UInt64? {
    guard let timeout_ns = inFlight.first?.command.timeout_ns else { return nil }
    let graces: UInt64 = cancelSent ? 2 : 1
    return headSince_ns &+ timeout_ns &+ graces * PostgreSQLLimits.cancelGrace_ns
  }

  /// A permission to cancel the oldest command elsewhere; once per command.
  func prepareCancel() -> CancelHandle? {
    cancelSent = true
    return CancelHandle(handle)
  }

  // MARK: Ending

  /// The connection is gone: every command on its way with its own error.
  func lost(_ cause: PostgreSQLError) -> [(InFlight, PostgreSQLError)] {
    var failed: [(InFlight, PostgreSQLError)] = []
    var isBehindFatal = false
    while let head = inFlight.popFirst() {
      if case .failure(let known)? = head.answer {
        failed.append((head, known))
        // The server ended the connection while working on this one, so it never came to the next.
        isBehindFatal = known.sqlState.hasPrefix("57P")
        continue
      }
      var error = cause
      error.commandMayHaveRun = !isBehindFatal
      error.isRetryable = isBehindFatal || head.command.kind == .read
      failed.append((head, error))
    }
    return failed
  }
}

extension EncodedParameters {
  /// The three arrays libpq wants, valid during the call.
  fileprivate func withPointers<R>(
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> R
  ) -> R {
    guard count > 0 else { return body(nil, nil, nil) }
    return bytes.withUnsafeBytes { buffer in
      withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { values in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: count) { formats in
          var offset = 0
          for index in 0..<count {
            formats.initializeElement(at: index, to: 1)
            let length = Int(lengths[index])
            if length < 0 {
              values.initializeElement(at: index, to: nil)
            } else {
              values.initializeElement(at: index, to: Self.pointer(buffer, offset))
              offset += length
            }
          }
          return lengths.withUnsafeBufferPointer {
            body(values.baseAddress, $0.baseAddress, formats.baseAddress)
          }
        }
      }
    }
  }

  /// An empty value needs an address too: nil would mean null.
  private static func pointer(_ buffer: UnsafeRawBufferPointer, _ offset: Int) -> UnsafePointer<CChar> {
    guard let base = buffer.baseAddress else { return emptyValue }
    return (base + offset).assumingMemoryBound(to: CChar.self)
  }

  private static var emptyValue: UnsafePointer<CChar> { lifeecho_empty_value() }
}
