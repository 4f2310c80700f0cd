import NIOCore
import NIOHTTP1

/// The life of a socket until it is a WebSocket: one request, one decision, one answer. Then it takes itself and the
/// HTTP parser out of the pipeline. Loop-confined.
final class ServerHandshake: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  private enum State {
    /// The request has not arrived in full.
    case waiting
    /// `authorize` is at work; nothing is read meanwhile.
    case deciding
    /// An answer that is no 101 is on its way; what still arrives is thrown away.
    case answered
    case upgraded
  }

  private let service: WebSocketService
  private let loop: WebSocketLoop
  private let isSecure: Bool
  private let addressKey: AddressKey?
  /// Why this socket will get a 503, decided when it was accepted.
  private let overLimit: WebSocketLimit?
  private var state = State.waiting
  private var context: ChannelHandlerContext?
  private var timer = TimerWheel.Key.none
  private var head: HTTPRequestHead?
  private var negotiated: (answer: DeflateOffer, parameters: DeflateParameters)?
  private var acceptKey = ""
  private var task: Task<Void, Never>?
  private var isReadRequested = false

  init(
    service: WebSocketService, loop: WebSocketLoop, isSecure: Bool, addressKey: AddressKey?, overLimit: WebSocketLimit?
  ) {
    self.service = service
    self.loop = loop
    self.isSecure = isSecure
    self.addressKey = addressKey
    self.overLimit = overLimit
  }

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    timer = loop.add(self, due_s: loop.now_s &+ UInt32(loop.settings.configuration.handshake_s))
  }

  func handlerRemoved(context: ChannelHandlerContext) { disconnected() }

  func channelInactive(context: ChannelHandlerContext) {
    disconnected()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): received(head)
    case .body: break
    case .end: requestComplete()
    }
  }

  func read(context: ChannelHandlerContext) {
    if state == .deciding { isReadRequested = true } else { context.read() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard state == .waiting, head == nil else { return context.close(promise: nil) }
    switch error {
    case HTTPParserError.headerOverflow, is ByteToMessageDecoderError:
      service.limitReached(.requestHead)
      answer(.plain(431, "the request is too long"))
    case is HTTPParserError: answer(.plain(400, "not an HTTP request"))
    default: context.close(promise: nil)
    }
  }

  // MARK: The request

  private func received(_ head: HTTPRequestHead) {
    guard state == .waiting, self.head == nil else { return }
    self.head = head
    if let overLimit {
      service.limitReached(overLimit)
      return answer(.unavailable)
    }
    switch UpgradeRequest(head, loop.settings.configuration) {
    case .plain: answer(service.respond(request(head)))
    case .refused(let response): answer(response)
    case .upgrade(let acceptKey, let negotiated):
      self.acceptKey = acceptKey
      self.negotiated = negotiated
    }
  }

  private func requestComplete() {
    guard state == .waiting, let head else { return }
    guard !loop.isRefusing else { return answer(.unavailable) }
    state = .deciding
    let request = request(head)
    let authorize = service.authorize
    let handshake = NIOLoopBound(self, eventLoop: loop.eventLoop)
    let eventLoop = loop.eventLoop
    let decide: @Sendable () async -> Void = {
      let decision = await authorize(request)
      if eventLoop.inEventLoop {
        handshake.value.decided(decision)
      } else {
        eventLoop.execute { handshake.value.decided(decision) }
      }
    }
    let started = Task.immediate(executorPreference: service.taskExecutor?(eventLoop)) { await decide() }
    if state == .deciding { task = started }
  }

  private func request(_ head: HTTPRequestHead) -> WebSocketRequest {
    WebSocketRequest(
      head, remoteAddress: context?.channel.remoteAddress, eventLoop: loop.eventLoop, isSecure: isSecure)
  }

  private func decided(_ decision: WebSocketDecision) {
    guard state == .deciding, let context else { return }
    task = nil
    switch decision {
    case .refuse(let response): answer(response)
    case .accept where loop.isRefusing: answer(.unavailable)
    case .accept(let makeHandler): upgrade(context, makeHandler)
    }
  }

  // MARK: Answers

  /// The last words on this socket. The output is closed behind them; what the client still sends is read and thrown
  /// away for a while, since a reset would destroy the answer on its way.
  private func answer(_ response: PlainResponse) {
    guard let context, state != .answered, state != .upgraded else { return }
    state = .answered
    task?.cancel()
    task = nil
    context.writeAndFlush(wrapOutboundOut(response.encoded(withBody: head?.method != .HEAD)), promise: nil)
    guard self.context != nil else { return }
    loop.schedule(timer, due_s: loop.now_s &+ UInt32(Limits.linger_s))
    context.close(mode: .output, promise: nil)
    readAgain()
  }

  private func readAgain() {
    guard isReadRequested, let context else { return }
    isReadRequested = false
    context.read()
  }

  private func upgrade(
    _ context: ChannelHandlerContext, _ makeHandler: @Sendable (WebSocketConnection) -> any WebSocketHandler
  ) {
    state = .upgraded
    loop.remove(timer)
    self.context = nil
    loop.counts?.upgraded()
    context.write(wrapOutboundOut(switchingProtocols()), promise: nil)
    let session = WebSocketSession(
      role: .server, settings: loop.settings, deflate: negotiated?.parameters, now_s: loop.now_s)
    let connection = WebSocketConnection(
      loop: loop, session: session, remoteAddress: context.channel.remoteAddress, addressKey: addressKey)
    let channel = context.channel
    connection.take(over: channel, handler: makeHandler(connection), from: self)
    if isReadRequested { channel.read() }
  }

  private func switchingProtocols() -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    buffer.writeString("Sec-WebSocket-Accept: \(acceptKey)\r\n")
    if let negotiated { buffer.writeString("Sec-WebSocket-Extensions: \(negotiated.answer.headerValue)\r\n") }
    buffer.writeString("\r\n")
    return buffer
  }

  private func disconnected() {
    guard context != nil else { return }
    context = nil
    state = .answered
    task?.cancel()
    task = nil
    loop.remove(timer)
    loop.counts?.release(addressKey, isUpgraded: false)
  }
}

extension ServerHandshake: LoopEntry {
  func deadlineReached(now_s: UInt32) {
    switch state {
    case .waiting:
      service.limitReached(.handshakeTime)
      context?.close(promise: nil)
    case .deciding:
      service.limitReached(.handshakeTime)
      answer(.unavailable)
    case .answered: context?.close(promise: nil)
    case .upgraded: break
    }
  }

  func drain(_ code: WebSocketCloseCode, reason: String) {
    if state == .waiting { context?.close(promise: nil) }
  }

  func drop() { context?.close(promise: nil) }
}
