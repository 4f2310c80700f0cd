package import NIOCore

/// One open WebSocket: the shell around a `WebSocketSession`. Loop-confined: every member but `eventLoop` is for its
/// event loop only, and asserts it.
package final class WebSocketConnection: @unchecked Sendable {
  // Sendable only so that tasks and other loops may hold it: all state is touched on `eventLoop` alone.
  package var eventLoop: any EventLoop { loop.eventLoop }
  package let remoteAddress: SocketAddress?

  let loop: WebSocketLoop
  var session: WebSocketSession
  var handler: (any WebSocketHandler)?
  var context: ChannelHandlerContext?
  /// Whose place this socket takes among those of the listener.
  let addressKey: AddressKey?
  var timer = TimerWheel.Key.none
  /// Frames of this turn, not yet given to the channel.
  var outgoing = ByteBuffer()
  /// Frames that wait for a congested channel, oldest first.
  var backlog: [ByteBuffer] = []
  var backlog_bytes = 0
  /// At the last deadline.
  var progressAtDeadline = OutputProgress()
  /// Bytes that arrived while reading was paused.
  var held = ByteBuffer()
  var pauses = 0
  var isReading = false
  /// The handshake's handlers are gone, `opened` was called.
  var isSettled = false
  var isDirty = false
  var isFlushing = false
  /// Written to the channel, but not flushed.
  var hasUnflushed = false
  var isReadRequested = false
  /// What was written last is still, at least partly, with the channel.
  var isCongested = false
  var reportedWritable = true
  var isFinished = false
  /// The socket is gone; what had arrived before is still being delivered.
  var isDisconnected = false
  var isResumeScheduled = false
  /// The peer's reason in its close frame, or what went wrong; empty while open.
  package internal(set) var closeReason = ""

  init(loop: WebSocketLoop, session: WebSocketSession, remoteAddress: SocketAddress?, addressKey: AddressKey?) {
    self.loop = loop
    self.session = session
    self.remoteAddress = remoteAddress
    self.addressKey = addressKey
  }

  /// Whether messages can still be sent.
  package var isOpen: Bool {
    eventLoop.assertInEventLoop()
    return session.state == .open && context != nil
  }

  /// Sends a text message; its bytes must be valid UTF-8.
  package func send(text: ByteBuffer) { send(.text, text) }
  package func send(text: String) { send(.text, ByteBuffer(string: text)) }
  package func send(binary: ByteBuffer) { send(.binary, binary) }

  /// Sends a ping behind what was sent before; `receivedPong` gets the same number.
  package func ping(_ number: UInt64) {
    eventLoop.assertInEventLoop()
    guard isOpen else { return }
    putBehind { session.ping(number, into: &$0, workspace: loop.workspace) }
    needsFlush()
  }

  /// Starts the close handshake behind what was sent before; `closed` follows, at most 10 s later. The reason is cut
  /// at 123 bytes.
  package func close(_ code: WebSocketCloseCode, reason: String = "") {
    eventLoop.assertInEventLoop()
    guard isOpen else { return }
    putBehind { session.close(code, reason: reason, into: &$0, workspace: loop.workspace, now_s: loop.now_s) }
    progressAtDeadline = outputProgress
    loop.schedule(timer, due_s: session.deadline_s)
    needsFlush()
    // No more messages are delivered; what must be read is the peer's close frame.
    if pauses > 0 {
      pauses = 1
      resumeReading()
    }
  }

  /// Puts a control frame behind what was sent before.
  private func putBehind(_ write: (inout ByteBuffer) -> Void) {
    guard !backlog.isEmpty else { return write(&outgoing) }
    var frame = ByteBuffer()
    write(&frame)
    enqueue(frame)
  }

  /// Ends the connection now, without a close frame; `closed(1006)` follows at once.
  package func drop() {
    eventLoop.assertInEventLoop()
    guard let context else { return }
    context.close(promise: nil)
    disconnected()
  }

  /// Bytes that the socket has not taken yet.
  package var bufferedByteCount: Int {
    eventLoop.assertInEventLoop()
    return outgoing.readableBytes + backlog_bytes + channelBytes
  }

  /// As `bufferedByteCount > count_bytes`, without asking the channel when it is below its high watermark.
  package func hasBuffered(moreThan count_bytes: Int) -> Bool {
    let atMost = outgoing.readableBytes + loop.settings.configuration.highWatermark_bytes
    return isWritable && atMost <= count_bytes ? false : bufferedByteCount > count_bytes
  }

  /// False above the high watermark, true again below the low one.
  package var isWritable: Bool {
    eventLoop.assertInEventLoop()
    return backlog.isEmpty && context?.channel.isWritable ?? false
  }

  /// No events until as many `resumeReading`; at most one read's bytes are kept meanwhile, the rest waits in the kernel.
  package func pauseReading() {
    eventLoop.assertInEventLoop()
    pauses += 1
  }

  package func resumeReading() {
    eventLoop.assertInEventLoop()
    guard pauses > 0 else { return }
    pauses -= 1
    guard pauses == 0, !isReading, !isResumeScheduled, context != nil else { return }
    isResumeScheduled = true
    eventLoop.assumeIsolated().execute { self.resume() }
  }
}
