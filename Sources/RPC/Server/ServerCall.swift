import HTTP2
import NIOCore

/// One call on a server connection: HTTP/2 events on one side, the handler's task on the other.
///
/// `@unchecked Sendable`: everything here is touched on the connection's event loop only. The handler's task runs
/// there too; what a handler may reach from elsewhere (`next`, `write`) moves to the loop first.
final class ServerCall: HTTP2StreamHandler, DeadlineTarget, @unchecked Sendable {
  let connection: ServerConnection
  var stream: HTTP2Stream?
  var state = ServerCallState()
  private var deframer: MessageDeframer
  private var route: (any Route)?
  var context: ServerContext?
  /// Of a method that takes one.
  private var onlyRequest: ByteBuffer?
  /// What of an unfinished request is counted against the connection's bound.
  private var held_bytes = 0
  private var task: Task<Void, Never>?
  var reader: UnsafeContinuation<ByteBuffer?, any Error>?
  var writers: [UnsafeContinuation<Void, any Error>] = []
  private var failure: Status?
  var deadlineIndex: Int?
  /// What of an ended call's answer was queued when somebody looked last.
  private var unreadAnswer_bytes: Int?
  /// How much had been read when the stopping server looked last.
  private var receivedWhileStopping_bytes: Int?

  init(connection: ServerConnection) {
    self.connection = connection
    deframer = MessageDeframer(limit_bytes: connection.policy.requestLimit_bytes)
  }

  // MARK: HTTP/2 events

  func receivedHeaders(_ stream: HTTP2Stream, endStream: Bool) {
    self.stream = stream
    switch RequestHead.read(stream.headers, methods: connection.policy.methods) {
    case .plain(let method):
      begin(method, stream, timeout: nil, problem: nil, endStream: endStream)
    case .reject(let fields):
      if state.finish() != .ignore { stream.sendHeaders(fields, endStream: true) }
    case .unknown(let path):
      let method = connection.policy.unregistered(MethodDescriptor(path: path))
      let context = ServerContext(method: method, request: .raw(stream.headers), peer: connection.peer)
      self.context = context
      run(context) { _ in throw ServerPolicy.unimplemented(path) }
    case .call(let method, let timeout, let problem):
      begin(method, stream, timeout: timeout, problem: problem, endStream: endStream)
    }
  }

  private func begin(
    _ method: ServedMethod, _ stream: HTTP2Stream, timeout: Duration?, problem: Status?, endStream: Bool
  ) {
    route = method.route
    let context = ServerContext(
      method: method, request: .raw(stream.headers),
      deadline: timeout.map { ContinuousClock.now.advanced(by: $0) }, peer: connection.peer)
    self.context = context
    if let problem { return run(context) { _ in throw problem } }
    if let timeout {
      connection.deadlines.add(self, NIODeadline.now() + TimeAmount(timeout))
    }
    if let route, !route.takesOneRequest {
      let limit = connection.policy.responseLimit_bytes
      run(context) { context in
        try await route.run(requests: self, responses: self, context, limit_bytes: limit)
      }
    }
    if endStream { endRequest() }
  }

  func receivedData(_ stream: HTTP2Stream, _ data: ByteBuffer, endStream: Bool) {
    guard state.canRespond else {
      stream.consume(data.readableBytes)
      return
    }
    if endStream, let route, route.takesOneRequest, let context, deframer.buffered_bytes == 0,
      onlyRequest == nil, let message = deframer.only(data)
    {
      stream.consume(data.readableBytes)
      _ = state.endRequest()
      return run(route, message, context)
    }
    deframer.append(data)
    if route?.takesOneRequest == true {
      collectRequest(stream)
    } else {
      context?.countArrived(data.readableBytes)
      if let reader { deliver(to: reader) }
    }
    if endStream { endRequest() }
  }

  func inputEnds() { deframer.detach() }

  func receivedTrailers(_ stream: HTTP2Stream, _ trailers: HeaderBlock) {
    endRequest()
  }

  func writabilityChanged(_ stream: HTTP2Stream) {
    guard stream.isWritable, !writers.isEmpty else { return }
    let waiting = writers
    writers = []
    for writer in waiting { writer.resume() }
  }

  func closed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
    let action = state.closed()
    self.stream = nil
    releaseHeld()
    connection.deadlines.remove(self)
    if action == .cancelHandler {
      interrupt(Status(.cancelled, "the client cancelled the call or its connection was lost"))
    }
  }

  func deadlineExpired() {
    guard context?.deadline != nil else { return readTooSlowly() }
    let status = Status(.deadlineExceeded, "the deadline passed before the call ended")
    interrupt(status)
    finish(status)
  }

  /// Trailers would wait behind what is not read: the stream ends at once.
  private func readTooSlowly() {
    interrupt(Status(.resourceExhausted, "the client did not read its responses"))
    _ = state.finish()
    stream?.reset(.enhanceYourCalm)
  }

  // MARK: Requests

  /// Such requests are credited as they arrive: the whole message is wanted.
  private func collectRequest(_ stream: HTTP2Stream) {
    do {
      while let message = try deframer.next() {
        guard onlyRequest == nil else { return fail(.severalRequests) }
        onlyRequest = message
      }
      guard holds(deframer.buffered_bytes + (onlyRequest?.readableBytes ?? 0)) else {
        return fail(Status(.resourceExhausted, "too much of unfinished requests is held already"))
      }
      let credit = deframer.creditReceived()
      if credit > 0 { stream.consume(credit) }
    } catch {
      fail(error.status)
    }
  }

  /// False when the call is beyond what its connection, or the server, may make us hold.
  private func holds(_ byteCount: Int) -> Bool {
    let fits = connection.holdRequest(byteCount - held_bytes)
    held_bytes = byteCount
    return fits || byteCount <= Limits.smallRequest_bytes
  }

  private func releaseHeld() {
    guard held_bytes > 0 else { return }
    _ = connection.holdRequest(-held_bytes)
    held_bytes = 0
  }

  private func endRequest() {
    guard state.endRequest() == .deliverEnd else { return }
    if deframer.buffered_bytes > 0, route?.takesOneRequest == true {
      return fail(Status(.internal, "the request ends inside a message"))
    }
    if let reader { deliver(to: reader) }
    guard let route, route.takesOneRequest, let context else { return }
    guard let request = onlyRequest else { return fail(.missingRequest) }
    onlyRequest = nil
    releaseHeld()
    run(route, request, context)
  }

  /// Fails a call whose handler has not started; interceptors see it as any other.
  private func fail(_ status: Status) {
    releaseHeld()
    onlyRequest = nil
    deframer = MessageDeframer(limit_bytes: 0)
    guard let context else { return finish(status) }
    run(context) { _ in throw status }
  }

  /// Asked each `unfinishedRequests_s` while the server stops. A request that has not come whole ends; a stream of them
  /// when its handler waits for the client and nothing came since this was last asked.
  func endUnfinishedRequest() {
    guard !state.requestEnded, state.canRespond else { return }
    let status = Status(.unavailable, "the server is stopping, and the request is not finished")
    if state.isCollecting { return fail(status) }
    let received_bytes = context?.messageBytes.received
    defer { receivedWhileStopping_bytes = received_bytes }
    guard let reader, receivedWhileStopping_bytes == received_bytes else { return }
    self.reader = nil
    failure = failure ?? status
    reader.resume(throwing: status)
  }

  private func deliver(to waiting: UnsafeContinuation<ByteBuffer?, any Error>) {
    do {
      guard let result = try nextMessage() else { return }
      reader = nil
      switch result {
      case .message(let message): waiting.resume(returning: message)
      case .end: waiting.resume(returning: nil)
      }
    } catch {
      reader = nil
      waiting.resume(throwing: error)
    }
  }

  enum Received {
    case message(ByteBuffer)
    case end
  }

  /// Nil when the reader has to wait.
  func nextMessage() throws(Status) -> Received? {
    if let failure { throw failure }
    do {
      if let message = try deframer.next() {
        context?.countReceived(message.readableBytes)
        let credit = deframer.creditDelivered()
        if credit > 0 { stream?.consume(credit) }
        return .message(message)
      }
    } catch {
      failure = error.status
      throw error.status
    }
    if state.requestEnded {
      guard deframer.buffered_bytes == 0 else {
        throw Status(.internal, "the request ends inside a message")
      }
      return .end
    }
    let credit = deframer.creditReceived()
    if credit > 0 { stream?.consume(credit) }
    return nil
  }

  // MARK: The handler's task

  private func run(_ route: any Route, _ request: ByteBuffer, _ context: ServerContext) {
    if route.isUnary { return runUnary(route, request, context) }
    context.countReceived(request.readableBytes)
    onlyRequest = request
    let limit = connection.policy.responseLimit_bytes
    run(context) { context in
      try await route.stream(self.takeRequest(), to: self, context, limit_bytes: limit)
    }
  }

  /// The request belongs to whoever decodes it: an open stream does not keep it, nor the read buffer it lies in.
  private func takeRequest() -> ByteBuffer {
    defer { onlyRequest = nil }
    return onlyRequest ?? ByteBuffer()
  }

  private func runUnary(_ route: any Route, _ request: ByteBuffer, _ context: ServerContext) {
    guard state.start() == .run else { return }
    if route.isImmediate, context.served.isBare { return respondAtOnce(route, request, context) }
    connection.handlerStarted()
    let running = Task.immediate(executorPreference: connection.executor) {
      do throws(Status) {
        self.complete(try await self.connection.policy.respond(route, to: request, context))
      } catch {
        self.finish(error)
      }
      self.handlerEnded()
    }
    if state.canRespond { task = running }
  }

  private func respondAtOnce(_ route: any Route, _ request: ByteBuffer, _ context: ServerContext) {
    do throws(Status) {
      complete(try connection.policy.respondAtOnce(route, to: request, context))
    } catch {
      finish(error)
    }
    self.context = nil
  }

  private func run(_ context: ServerContext, _ body: @escaping @Sendable (ServerContext) async throws -> Void) {
    guard state.start() == .run else { return }
    connection.handlerStarted()
    let running = Task.immediate(executorPreference: connection.executor) {
      do throws(Status) {
        try await self.connection.policy.run(context, body)
        self.finish(.ok)
      } catch {
        self.finish(error)
      }
      self.handlerEnded()
    }
    if state.canRespond { task = running }
  }

  private func handlerEnded() {
    task = nil
    context = nil
    connection.handlerEnded()
  }

  /// Cancels the handler and whatever it waits for.
  private func interrupt(_ status: Status) {
    context?.end(status)
    failure = failure ?? status
    let reader = self.reader
    let writers = self.writers
    self.reader = nil
    self.writers = []
    task?.cancel()
    reader?.resume(throwing: CancellationError())
    for writer in writers { writer.resume(throwing: CancellationError()) }
  }

  // MARK: Responses

  private func complete(_ response: ByteBuffer) {
    connection.loop.assertInEventLoop()
    guard state.sendMessage() == .sendHeadAndMessage, let stream else { return }
    let fields = context?.responseFields()
    stream.sendHeaders(ResponseHead.initial(fields), endStream: false)
    stream.send(response)
    _ = state.finish()
    connection.deadlines.remove(self)
    stream.finish(trailers: ResponseHead.trailers(.ok, fields))
    connection.answerQueued()
  }

  private func finish(_ status: Status) {
    connection.loop.assertInEventLoop()
    let action = state.finish()
    guard action != .ignore, let stream else { return }
    connection.deadlines.remove(self)
    let fields = context?.responseFields()
    switch action {
    case .sendTrailersOnly: stream.sendHeaders(ResponseHead.trailersOnly(status, fields), endStream: true)
    case .sendTrailers:
      stream.finish(trailers: ResponseHead.trailers(status, fields))
      connection.answerQueued()
    case .ignore: break
    }
  }

  /// Whether the call has ended and part of its answer waits for the client to take it.
  func isAnswerQueued(_ stream: HTTP2Stream) -> Bool { !state.canRespond && stream.bufferedByteCount > 0 }

  /// Asked each `unreadResponses_s` while an answer is queued: the client must have taken some of it.
  func expectProgress(_ stream: HTTP2Stream) {
    let queued_bytes = stream.bufferedByteCount
    if let before_bytes = unreadAnswer_bytes, before_bytes - queued_bytes < Limits.unreadProgress_bytes {
      stream.reset(.enhanceYourCalm)
    }
    unreadAnswer_bytes = queued_bytes
  }
}
