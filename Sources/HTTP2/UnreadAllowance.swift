import Synchronization

/// How much one connection may hold unread and still give its peer credit for more: what every connection has of its own,
/// and parts of what all connections share.
struct UnreadAllowance: ~Copyable {
  /// What connections share. Any thread.
  final class Pool: Sendable {
    static let shared = Pool(size_bytes: Limits.unreadShared_bytes)
    private let left_bytes: Atomic<Int>

    init(size_bytes: Int) { left_bytes = Atomic(size_bytes) }

    fileprivate func take(_ count: Int) -> Bool {
      if left_bytes.subtract(count, ordering: .relaxed).newValue >= 0 { return true }
      giveBack(count)
      return false
    }

    fileprivate func giveBack(_ count: Int) { left_bytes.add(count, ordering: .relaxed) }
  }

  private let own_bytes: Int
  private let most_bytes: Int
  private let pool: Pool
  private var borrowed_bytes = 0

  init(own_bytes: Int, most_bytes: Int, pool: Pool = .shared) {
    self.own_bytes = own_bytes
    self.most_bytes = most_bytes
    self.pool = pool
  }

  deinit { pool.giveBack(borrowed_bytes) }

  /// Whether the connection may hold as much as this; borrows for it, and gives back what is not needed any more.
  @inline(__always)
  mutating func covers(_ unread_bytes: Int) -> Bool {
    if unread_bytes <= own_bytes, borrowed_bytes == 0 { return true }
    return adapts(to: unread_bytes)
  }

  private mutating func adapts(to unread_bytes: Int) -> Bool {
    let step = Limits.unreadStep_bytes
    let needed_bytes = max(0, unread_bytes - own_bytes + step - 1) / step * step
    guard unread_bytes <= most_bytes else { return false }
    if needed_bytes > borrowed_bytes {
      guard pool.take(needed_bytes - borrowed_bytes) else { return false }
    } else if needed_bytes < borrowed_bytes {
      pool.giveBack(borrowed_bytes - needed_bytes)
    }
    borrowed_bytes = needed_bytes
    return true
  }
}
