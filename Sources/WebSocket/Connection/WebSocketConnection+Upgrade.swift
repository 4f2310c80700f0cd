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
    isReading = true
    handler.opened(self)
    pipeline.removeHandler(handshake, promise: nil)
    removeParsers(pipeline)
    isReading = false
    flush()
    if held.readableBytes > 0 { resume() }
  }

  private func removeParsers(_ pipeline: ChannelPipeline.SynchronousOperations) {
    if let context = try? pipeline.context(handlerType: HTTPRequestEncoder.self) {
      pipeline.removeHandler(context: context, promise: nil)
    }
    if let context = try? pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self) {
      pipeline.removeHandler(context: context, promise: nil)
    } else if let context = try? pipeline.context(handlerType: ByteToMessageHandler<HTTPResponseDecoder>.self) {
      pipeline.removeHandler(context: context, promise: nil)
    }
  }
}
