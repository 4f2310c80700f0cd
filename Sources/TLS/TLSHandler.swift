package import NIOCore

/// TLS between a socket and the rest of the pipeline: the first handler of a channel.
///
/// Holds `channelActive` back until the handshake is done and announces it with `TLSHandshakeCompleted`. Writes are
/// encrypted at `flush`. Errors go up as `TLSError`, then the channel closes. Loop-confined.
package final class TLSHandler: ChannelDuplexHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer
  package typealias OutboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  enum Phase {
    case idle, handshaking, open
    /// close_notify is on its way; what comes in is dropped.
    case closing
    /// An alert is on its way; what comes in is dropped.
    case failed
    case closed
  }

  struct Flags: OptionSet {
    let rawValue: UInt16
    /// Waits for its turn to go on with the handshake.
    static let isQueued = Flags(rawValue: 1 << 0)
    /// A `read` waits until the handshake had its turn.
    static let isReadHeld = Flags(rawValue: 1 << 1)
    static let isActiveHeld = Flags(rawValue: 1 << 2)
    /// The peer's first handshake message was processed.
    static let hasBegun = Flags(rawValue: 1 << 3)
    static let sentClose = Flags(rawValue: 1 << 4)
    static let receivedClose = Flags(rawValue: 1 << 5)
    static let reportedError = Flags(rawValue: 1 << 6)
    /// The user asked for plaintext and has got none since.
    static let isReadWanted = Flags(rawValue: 1 << 7)
    /// The output is to be closed as soon as the handshake is done.
    static let closesOutput = Flags(rawValue: 1 << 8)
    /// The peer's FIN came while its last bytes wait for their turn.
    static let inputEnded = Flags(rawValue: 1 << 9)
    /// The socket took everything, and the FIN after it.
    static let outputEnded = Flags(rawValue: 1 << 10)
  }

  private let tls: TLSContext
  private let serverName: ServerName?
  private let handshakeTimeout: TimeAmount
  private var handshake_bytes = 0
  private var lateMessages = LateMessages()
  /// Handshake bytes that wait for their turn.
  var input = ByteBuffer()
  var phase = Phase.idle
  var flags: Flags = []
  var context: ChannelHandlerContext?
  var session: TLSSession?
  var loop: TLSLoop?
  var pending = PendingWrites()
  var timer: Scheduled<Void>?

  /// - Parameter serverName: for clients, whom the certificate must be for: a DNS name or an address literal.
  /// - Throws: `TLSError` when a client's name is missing or no name.
  package init(
    context: TLSContext, serverName: String? = nil, handshakeTimeout: TimeAmount = Limits.handshake
  ) throws(TLSError) {
    tls = context
    self.handshakeTimeout = handshakeTimeout
    self.serverName = serverName.flatMap(ServerName.init)
    if context.role == .client, self.serverName == nil {
      throw TLSError(.failed, "a TLS client needs the name of its server; '\(serverName ?? "")' is none")
    }
  }

  // MARK: Channel events

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { begin(context) }
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    ended()
    self.context = nil
  }

  package func channelActive(context: ChannelHandlerContext) {
    flags.insert(.isActiveHeld)
    begin(context)
  }

  package func channelInactive(context: ChannelHandlerContext) {
    let last = phase
    ended()
    if last == .handshaking || last == .open, flags.isDisjoint(with: [.receivedClose, .reportedError]) {
      let when = last == .open ? "without close_notify" : "during the handshake"
      context.fireErrorCaught(TLSError(.truncated, "the peer ended the connection \(when)"))
    }
    context.fireChannelInactive()
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    switch phase {
    case .open:
      decrypt(&bytes, context)
    case .handshaking:
      handshake_bytes += bytes.readableBytes
      guard handshake_bytes <= Limits.handshake_bytes else {
        return fail(TLSError(.limit, "the handshake is longer than \(Limits.handshake_bytes) bytes"), context)
      }
      if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
      enqueueHandshakeStep()
    case .idle, .closing, .failed, .closed:
      break
    }
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    // Bytes that brought no plaintext are not what the user asked for.
    let needsMore = phase != .open || flags.contains(.isReadWanted)
    if phase == .open { context.fireChannelReadComplete() }
    if needsMore, phase != .closed { readMore(context) }
  }

  package func read(context: ChannelHandlerContext) {
    flags.insert(.isReadWanted)
    readMore(context)
  }

  private func readMore(_ context: ChannelHandlerContext) {
    if flags.contains(.isQueued) { flags.insert(.isReadHeld) } else { context.read() }
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    flags.insert(.reportedError)
    context.fireErrorCaught(error)
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    switch phase {
    // The user has already been told by close_notify.
    case .open where flags.contains(.receivedClose): break
    case .handshaking where flags.contains(.isQueued): flags.insert(.inputEnded)
    case .open, .handshaking: failTruncated(context)
    case .idle, .closing, .failed, .closed: context.close(promise: nil)
    }
  }

  // MARK: Handshake

  private func begin(_ context: ChannelHandlerContext) {
    guard phase == .idle else { return }
    let loop = TLSLoop.for(context.eventLoop)
    self.loop = loop
    do {
      session = try TLSSession(tls, serverName: serverName, transport: loop.transport)
    } catch {
      return fail(error, context)
    }
    phase = .handshaking
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: handshakeTimeout) { self.timedOut() }
    context.read()
    if tls.role == .client { enqueueHandshakeStep() }
  }

  private func enqueueHandshakeStep() {
    guard !flags.contains(.isQueued), let loop else { return }
    flags.insert(.isQueued)
    loop.admit(self, hasBegun: flags.contains(.hasBegun))
  }

  /// Called by `TLSLoop` when it is this connection's turn.
  func runHandshakeStep() {
    flags.remove(.isQueued)
    guard phase == .handshaking, let context, let session, let loop else { return }
    let arrived = input.readableBytes
    var output = loop.takeCiphertext()
    output.clear(minimumCapacity: Limits.flight_bytes)
    var outcome = session.handshake(&input, &output)
    while outcome == .outputFull {
      send(&output, context)
      outcome = session.handshake(&input, &output)
    }
    let hasOutput = output.readableBytes > 0
    send(&output, context)
    loop.ciphertext = output
    if hasOutput { context.flush() }
    switch outcome {
    case .done: completed(session, context)
    case .failed(let error): fail(error, context, lingers: true)
    case .closed: fail(TLSError(.refused, "the peer closed during the handshake"), context)
    case .needsInput, .outputFull:
      if arrived > 0 { flags.insert(.hasBegun) }
      if input.readableBytes == 0 { input = ByteBuffer() }
      if flags.contains(.inputEnded) { return failTruncated(context) }
      releaseRead(context)
    }
  }

  private func completed(_ session: TLSSession, _ context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
    let agreement = session.agreement
    if tls.role == .client, tls.alpn.isRequired, agreement.applicationProtocol == nil {
      let wanted = tls.alpn.protocols.joined(separator: ", ")
      return fail(TLSError(.applicationProtocol, "the server does not agree on \(wanted)"), context)
    }
    phase = .open
    context.fireUserInboundEventTriggered(agreement)
    if flags.contains(.isActiveHeld), phase == .open { context.fireChannelActive() }
    if phase == .open { encryptFlushed(context) }
    var rest = input
    input = ByteBuffer()
    if rest.readableBytes > 0 { decrypt(&rest, context) }
    if phase == .open, flags.contains(.inputEnded), !flags.contains(.receivedClose) { return failTruncated(context) }
    if phase == .open { context.fireChannelReadComplete() }
    if flags.contains(.closesOutput), phase == .open { close(context: context, mode: .output, promise: nil) }
    releaseRead(context)
  }

  private func releaseRead(_ context: ChannelHandlerContext) {
    guard flags.contains(.isReadHeld) else { return }
    flags.remove(.isReadHeld)
    context.read()
  }

  private func timedOut() {
    guard phase == .handshaking, let context else { return }
    fail(TLSError(.timeout, "the handshake took longer than \(handshakeTimeout.nanoseconds / 1_000_000) ms"), context)
  }

  // MARK: Reading

  private func decrypt(_ input: inout ByteBuffer, _ context: ChannelHandlerContext) {
    guard let session, let loop else { return }
    while phase == .open, !flags.contains(.receivedClose) {
      var plaintext = loop.takePlaintext()
      plaintext.clear(
        minimumCapacity: min(Limits.piece_bytes, max(Limits.record_bytes, input.readableBytes)))
      var output = loop.takeCiphertext()
      output.clear(minimumCapacity: Limits.flight_bytes)
      let outcome = session.read(&input, &output, into: &plaintext)
      let late = session.receivedHandshakeMessages
      let hasOutput = output.readableBytes > 0
      send(&output, context)
      loop.ciphertext = output
      if hasOutput { context.flush() }
      deliver(plaintext, loop, context)
      guard phase == .open else { return }
      guard lateMessages.count(late, now_s: Int64(context.eventLoop.now.uptimeNanoseconds / 1_000_000_000)) else {
        return fail(TLSError(.limit, "too many handshake messages after the handshake"), context)
      }
      switch outcome {
      case .done, .outputFull: continue
      case .needsInput: return
      case .closed: return peerClosed(context)
      case .failed(let error): return fail(error, context, lingers: true)
      }
    }
  }

  private func deliver(_ plaintext: ByteBuffer, _ loop: TLSLoop, _ context: ChannelHandlerContext) {
    guard plaintext.readableBytes > 0 else {
      loop.plaintext = plaintext
      return
    }
    flags.remove(.isReadWanted)
    if plaintext.readableBytes < Limits.sharedPiece_bytes {
      let copy = ByteBuffer(buffer: plaintext)
      loop.plaintext = plaintext
      context.fireChannelRead(wrapInboundOut(copy))
    } else {
      context.fireChannelRead(wrapInboundOut(plaintext))
    }
  }
}
