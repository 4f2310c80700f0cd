import NIOCore
import NIOHTTP1

/// A client's socket until it is a WebSocket (RFC 6455 §4.1). Loop-confined.
final class ClientHandshake: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let loop: WebSocketLoop
  private let target: String
  private let host: String
  private let headers: [(name: String, value: String)]
  private let makeHandler: @Sendable (WebSocketConnection) -> any WebSocketHandler
  private let key: String
  private let offer: DeflateOffer?
  private var opened: EventLoopPromise<WebSocketConnection>?
  private var context: ChannelHandlerContext?
  private var timer = TimerWheel.Key.none
  private var isSent = false
  private var parameters: DeflateParameters?

  init(
    loop: WebSocketLoop, target: String, host: String, headers: [(name: String, value: String)],
    opened: EventLoopPromise<WebSocketConnection>,
    makeHandler: @escaping @Sendable (WebSocketConnection) -> any WebSocketHandler
  ) {
    self.loop = loop
    self.target = target
    self.host = host
    self.headers = headers
    self.opened = opened
    self.makeHandler = makeHandler
    var random = SystemRandomNumberGenerator()
    key = HandshakeKey.random(using: &random)
    offer = loop.settings.configuration.deflate.map { configuration in
      var offer = DeflateOffer()
      offer.clientWindowBits = .some(nil)
      offer.serverNoContextTakeover = configuration.offersNoContextTakeover
      offer.clientNoContextTakeover = configuration.offersNoContextTakeover
      return offer
    }
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    timer = loop.add(self, due_s: loop.now_s &+ UInt32(loop.settings.configuration.handshake_s))
    if context.channel.isActive { sendRequest(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { end(.connectionClosed) }

  func channelActive(context: ChannelHandlerContext) {
    sendRequest(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    end(.connectionClosed)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { end(.invalidAnswer) }

  private func sendRequest(_ context: ChannelHandlerContext) {
    guard !isSent else { return }
    isSent = true
    var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: target)
    head.headers.add(name: "Host", value: host)
    head.headers.add(name: "Upgrade", value: "websocket")
    head.headers.add(name: "Connection", value: "Upgrade")
    head.headers.add(name: "Sec-WebSocket-Key", value: key)
    head.headers.add(name: "Sec-WebSocket-Version", value: "13")
    if let offer { head.headers.add(name: "Sec-WebSocket-Extensions", value: offer.headerValue) }
    for (name, value) in headers { head.headers.add(name: name, value: value) }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): received(head)
    case .body: break
    case .end: upgrade(context)
    }
  }

  private func received(_ head: HTTPResponseHead) {
    guard head.status == .switchingProtocols else { return end(.refused(status: Int(head.status.code))) }
    guard head.headers["sec-websocket-accept"] == [HandshakeKey.answer(to: key)],
      head.headers["upgrade"].contains(where: { HTTPToken.list($0, has: "websocket") }),
      head.headers["connection"].contains(where: { HTTPToken.list($0, has: "upgrade") }),
      head.headers["sec-websocket-protocol"].isEmpty, negotiate(head.headers["sec-websocket-extensions"])
    else { return end(.invalidAnswer) }
  }

  /// False: the server took what was not offered.
  private func negotiate(_ headers: [String]) -> Bool {
    guard !headers.isEmpty else { return true }
    guard let offer, let configuration = loop.settings.configuration.deflate,
      let answers = ExtensionOffer.parse(headers.joined(separator: ",")), answers.count == 1,
      answers[0].name == DeflateOffer.name, let answer = DeflateOffer(answers[0].parameters),
      let parameters = answer.agreed(to: offer, configuration)
    else { return false }
    self.parameters = parameters
    return true
  }

  private func upgrade(_ context: ChannelHandlerContext) {
    guard let opened else { return }
    self.opened = nil
    self.context = nil
    loop.remove(timer)
    let session = WebSocketSession(role: .client, settings: loop.settings, deflate: parameters, now_s: loop.now_s)
    let connection = WebSocketConnection(
      loop: loop, session: session, remoteAddress: context.channel.remoteAddress, addressKey: nil)
    connection.take(over: context.channel, handler: makeHandler(connection), from: self)
    opened.succeed(connection)
  }

  private func end(_ failure: WebSocketClient.Failure) {
    guard let opened else { return }
    self.opened = nil
    loop.remove(timer)
    context?.close(promise: nil)
    context = nil
    opened.fail(failure)
  }
}

extension ClientHandshake: LoopEntry {
  func deadlineReached(now_s: UInt32) { end(.timedOut) }
  func drain(_ code: WebSocketCloseCode, reason: String) { end(.connectionClosed) }
  func drop() { end(.connectionClosed) }
}
