import NIOCore

/// The deadline of one in-process call, in the queue of the loop its handler runs on.
///
/// `@unchecked Sendable`: touched on `loop` only.
final class InProcessDeadline: DeadlineTarget, @unchecked Sendable {
  var deadlineIndex: Int?
  private let loop: any EventLoop
  private let expired: @Sendable () -> Void

  init(loop: any EventLoop, expired: @escaping @Sendable () -> Void) {
    self.loop = loop
    self.expired = expired
  }

  func start(after time: Duration) {
    let deadline = NIODeadline.now() + TimeAmount(time)
    onLoop { DeadlineQueue.current(self.loop).add(self, deadline) }
  }

  func cancel() {
    onLoop { DeadlineQueue.current(self.loop).remove(self) }
  }

  private func onLoop(_ work: @escaping @Sendable () -> Void) {
    if loop.inEventLoop { work() } else { loop.execute(work) }
  }

  func deadlineExpired() { expired() }
}
