import CLibPQ

/// An epoll descriptor. One thread only.
final class EventPoll {
  struct Readiness {
    let token: UInt64
    let isReadable: Bool
    let isWritable: Bool
  }

  private let descriptor: Int32
  private var reports: [lifeecho_readiness]

  init() {
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    precondition(descriptor >= 0, "epoll_create1: the process is out of file descriptors")
    reports = Array(repeating: lifeecho_readiness(), count: PostgreSQLLimits.readinessBatch)
  }

  deinit {
    close(descriptor)
  }

  func add(_ fileDescriptor: Int32, token: UInt64) {
    control(EPOLL_CTL_ADD, fileDescriptor, token: token, writable: false)
  }

  func setInterest(_ fileDescriptor: Int32, token: UInt64, writable: Bool) {
    control(EPOLL_CTL_MOD, fileDescriptor, token: token, writable: writable)
  }

  /// Before the descriptor is closed.
  func remove(_ fileDescriptor: Int32) {
    control(EPOLL_CTL_DEL, fileDescriptor, token: 0, writable: false)
  }

  private func control(_ operation: Int32, _ fileDescriptor: Int32, token: UInt64, writable: Bool) {
    let events = EPOLLIN.rawValue | (writable ? EPOLLOUT.rawValue : 0)
    _ = lifeecho_epoll_control(descriptor, operation, fileDescriptor, events, token)
  }

  /// - Parameter timeout_ms: −1 waits for ever, 0 not at all.
  func wait(timeout_ms: Int32, _ body: (Readiness) -> Void) {
    let count = lifeecho_epoll_wait(descriptor, &reports, Int32(reports.count), timeout_ms)
    for index in 0..<Int(max(0, count)) {
      let events = reports[index].events
      body(
        Readiness(
          token: reports[index].token,
          isReadable: events & (EPOLLIN.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0,
          isWritable: events & EPOLLOUT.rawValue != 0))
    }
  }
}
