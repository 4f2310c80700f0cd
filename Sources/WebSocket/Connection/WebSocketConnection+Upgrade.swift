import NIOCore
import NIOHTTP1

extension WebSocketConnection {
  /// Takes the place of the handshake's handlers. What the peer sent right behind its handshake comes after `opened`,
  /// and all answers leave in one write with whatever the handshake wrote.
  func take(over channel: any Channel, handler: any WebSocketHandler, from handshake: any RemovableChannelHandler) {
    self.handler = handler
    let pipeline = channel.pipeline.syncOperations
    do {
      try pipeline.addHandler(self)
    } catch {
      // The channel is gone.
      loop.counts?.release(addressKey, isUpgraded: true)
      self.handler = nil
      return handler.closed(code: .abnormal, isClean: false)
    }
    hasUnflushed = true
    // A parser that is just at work leaves only afterwards; until then what it forwards is kept, and nothing may be
    // written through it.
    isReading = true
    pipeline.removeHandler(handshake, promise: nil)
    let parserGone = channel.eventLoop.makePromise(of: Void.self)
    parserGone.futureResult.whenComplete { _ in self.settle() }
    removeParser(pipeline, promise: parserGone)
  }

  private func removeParser(_ pipeline: ChannelPipeline.SynchronousOperations, promise: EventLoopPromise<Void>) {
    if let context = try? pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self) {
      return pipeline.removeHandler(context: context, promise: promise)
    }
    if let context = try? pipeline.context(handlerType: HTTPRequestEncoder.self) {
      pipeline.removeHandler(context: context, promise: nil)
    }
    if let context = try? pipeline.context(handlerType: ByteToMessageHandler<HTTPResponseDecoder>.self) {
      return pipeline.removeHandler(context: context, promise: promise)
    }
    promise.succeed()
  }

  /// The pipeline is ours alone: begins. Once.
  func settle() {
    guard !isSettled else { return }
    isSettled = true
    handler?.opened(self)
    isReading = false
    flush()
    if held.readableBytes > 0 { resume() }
  }
}
