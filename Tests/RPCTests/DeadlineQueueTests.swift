import NIOCore
import NIOPosix
import Testing

@testable import RPC

@Suite struct DeadlineQueueTests {
  private final class Target: DeadlineTarget {
    var deadlineIndex: Int?
    let name: Int
    let expired: (Int) -> Void
    init(_ name: Int, _ expired: @escaping (Int) -> Void) {
      self.name = name
      self.expired = expired
    }
    func deadlineExpired() { expired(name) }
  }

  @Test(arguments: [UInt64(1), 2, 3])
  func expireInOrderAndNotWhenRemoved(seed: UInt64) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let order: [Int] = try await loop.flatSubmit {
      let done = loop.makePromise(of: [Int].self)
      let queue = DeadlineQueue(loop: loop)
      var state = seed
      var found: [Int] = []
      var targets: [Target] = []
      var delays = Array(0..<100)
      for index in delays.indices {
        state = state &* 6_364_136_223_846_793_005 &+ 1
        delays.swapAt(index, Int(state >> 33) % 100)
      }
      let start = NIODeadline.now()
      for delay in delays {
        let target = Target(delay) { name in
          found.append(name)
          if name == 98 { done.succeed(found) }
        }
        targets.append(target)
        queue.add(target, start + .microseconds(Int64(delay) * 50))
      }
      for target in targets where target.name % 2 == 1 { queue.remove(target) }
      for target in targets where target.name % 2 == 1 { queue.remove(target) }
      #expect(queue.count == 50)
      return done.futureResult
    }.get()
    #expect(order == Array(stride(from: 0, to: 100, by: 2)), "seed \(seed)")
  }
}
