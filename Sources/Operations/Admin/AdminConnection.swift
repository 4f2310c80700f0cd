import NIOCore
import NIOHTTP1

/// One connection of the admin listener. Loop-confined. One timer serves both waits: for a request to arrive whole,
/// and for a response to be taken; when it fires the connection closes.
final class AdminConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let routes: AdminRoutes
  private var head: HTTPRequestHead?
  private var bodyBytes = 0
  private var timer: Scheduled<Void>?

  init(routes: AdminRoutes) {
    self.routes = routes
  }

  func channelActive(context: ChannelHandlerContext) {
    restartTimer(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      bodyBytes = 0
    case .body(let part):
      bodyBytes += part.readableBytes
      if bodyBytes > Limits.adminBodyBytes {
        context.close(promise: nil)
      }
    case .end:
      guard let head else { return }
      self.head = nil
      restartTimer(context)
      answer(head, context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    switch routes.answer(method: head.method.rawValue, target: head.uri) {
    case .now(let response): write(response, to: head, context)
    case .check(let check): wait(for: check, head, context)
    }
  }

  private func wait(
    for check: @escaping @Sendable () async -> AdminRoutes.Response, _ head: HTTPRequestHead,
    _ context: ChannelHandlerContext
  ) {
    let loopContext = NIOLoopBound(context, eventLoop: context.eventLoop)
    let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
    let response = context.eventLoop.makePromise(of: AdminRoutes.Response.self)
    let timeout = context.eventLoop.scheduleTask(in: .seconds(Limits.checkTimeout_s)) {
      response.succeed(AdminRoutes.Response(status: 503, body: "the check did not answer in time\n"))
    }
    let task = Task { response.succeed(await check()) }
    response.futureResult.whenSuccess { response in
      timeout.cancel()
      task.cancel()
      handler.value.write(response, to: head, loopContext.value)
    }
  }

  private func write(
    _ response: AdminRoutes.Response, to request: HTTPRequestHead, _ context: ChannelHandlerContext
  ) {
    guard context.channel.isActive else { return }
    restartTimer(context)
    let isKeptAlive = request.isKeepAlive
    var headers = HTTPHeaders([
      ("content-type", response.contentType), ("content-length", "\(response.body.utf8.count)"),
      ("cache-control", "no-store"), ("connection", isKeptAlive ? "keep-alive" : "close"),
    ])
    if let allow = response.allow { headers.add(name: "allow", value: allow) }
    let head = HTTPResponseHead(version: request.version, status: .init(statusCode: response.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if request.method != .HEAD {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: response.body)))), promise: nil)
    }
    let written = context.eventLoop.makePromise(of: Void.self)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    let loopContext = NIOLoopBound(context, eventLoop: context.eventLoop)
    let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
    written.futureResult.whenComplete { _ in
      if isKeptAlive {
        handler.value.restartTimer(loopContext.value)
      } else {
        loopContext.value.close(promise: nil)
      }
    }
  }

  private func restartTimer(_ context: ChannelHandlerContext) {
    timer?.cancel()
    guard context.channel.isActive else { return }
    let loopContext = NIOLoopBound(context, eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: .seconds(Limits.adminTimeout_s)) {
      loopContext.value.close(promise: nil)
    }
  }
}
