import NIOCore

/// The deadline of one in-process call, in the queue of the loop its handler runs on.
///
/// `@unchecked Sendable`: touched on `loop` only.
final class InProcessDeadline: DeadlineTarget, @unchecked Sendable {
  var deadlineIndex: Int?
  private let loop: any EventLoop
  private let expired: @Sendable () -> Void

  private init(loop: any EventLoop, expired: @escaping @Sendable () -> Void) {
    self.loop = loop
    self.expired = expired
  }

  /// Of a call whose handler runs on `loop`; nil when the client set none.
  static func start(
    _ context: ServerContext, on loop: any EventLoop, expired: @escaping @Sendable () -> Void
  ) -> InProcessDeadline? {
    guard let time = context.remainingTime else { return nil }
    let target = InProcessDeadline(loop: loop, expired: expired)
    let deadline = NIODeadline.now() + TimeAmount(time)
    target.onLoop { DeadlineQueue.current(loop).add(target, deadline) }
    return target
  }

  func cancel() {
    onLoop { DeadlineQueue.current(self.loop).remove(self) }
  }

  private func onLoop(_ work: @escaping @Sendable () -> Void) {
    if loop.inEventLoop { work() } else { loop.execute(work) }
  }

  func deadlineExpired() { expired() }
}
