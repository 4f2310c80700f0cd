import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import HTTP2

@Suite struct LoopExecutorTests {
  private func withLoop(_ body: (any EventLoop, LoopExecutor) async throws -> Void) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    try await body(loop, LoopExecutor.for(loop))
    try await group.shutdownGracefully()
  }

  @Test func oneExecutorPerLoop() async throws {
    try await withLoop { loop, executor in
      #expect(LoopExecutor.for(loop) === executor)
    }
  }

  @Test func tasksRunOnTheLoopAndComeBackToIt() async throws {
    try await withLoop { loop, executor in
      let onLoop = await Task(executorPreference: executor) {
        var seen = [loop.inEventLoop]
        await Task.yield()
        seen.append(loop.inEventLoop)
        try? await Task.sleep(for: .milliseconds(1))
        seen.append(loop.inEventLoop)
        return seen
      }.value
      #expect(onLoop == [true, true, true])
    }
  }

  @Test func anImmediateTaskRunsInlineUntilItSuspends() async throws {
    try await withLoop { loop, executor in
      let order = try await loop.submit {
        let box = OrderBox()
        _ = Task.immediate(executorPreference: executor) {
          box.append("task")
          await Task.yield()
          box.append("resumed")
        }
        box.append("after")
        return box
      }.get()
      try await waitUntil { order.values.count == 3 }
      #expect(order.values == ["task", "after", "resumed"])
    }
  }

  /// What a socket's bytes resume works on them before the next socket is read.
  @Test func tasksRunRightAfterWhatResumedThem() async throws {
    try await withLoop { loop, executor in
      let order = try await loop.submit {
        let box = OrderBox()
        executor.runningTasks {
          for name in ["first", "second"] {
            _ = Task.immediate(executorPreference: executor) {
              await Task.yield()
              // A read within a task's work, as a TLS handler may cause, leaves the tasks to the outer one.
              executor.runningTasks { box.append(name) }
              await Task.yield()
              box.append(name + " again")
            }
          }
          box.append("body")
        }
        box.append("after")
        return box
      }.get()
      #expect(order.values == ["body", "first", "second", "first again", "second again", "after"])
    }
  }

  /// Jobs that always have a successor must not keep the loop from its sockets and timers.
  @Test func aBusyTaskDoesNotStarveTheSockets() async throws {
    try await withLoop { loop, executor in
      let flag = StopFlag()
      let busy = Task(executorPreference: executor) {
        while !flag.isSet { await Task.yield() }
      }
      let server = try await ServerBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).get()
      let address = try #require(server.localAddress)
      for _ in 0..<5 {
        let client = try await ClientBootstrap(group: loop).connectTimeout(.seconds(5)).connect(to: address).get()
        try await client.close().get()
      }
      flag.set()
      await busy.value
      try await server.close().get()
    }
  }

  @Test func jobsFromManyThreadsAllRun() async throws {
    try await withLoop { _, executor in
      let counts = await withTaskGroup(of: Int.self) { group in
        for _ in 0..<2_000 {
          group.addTask {
            await Task(executorPreference: executor) {
              await Task.yield()
              return 1
            }.value
          }
        }
        return await group.reduce(0, +)
      }
      #expect(counts == 2_000)
    }
  }

  /// The table of executors does not grow with loops that are gone.
  @Test func anExecutorNobodyHoldsIsReleasedWhenTheNextIsMade() async throws {
    let groups = [MultiThreadedEventLoopGroup(numberOfThreads: 1), MultiThreadedEventLoopGroup(numberOfThreads: 1)]
    weak let executor = LoopExecutor.for(groups[0].next())
    _ = LoopExecutor.for(groups[1].next())
    #expect(executor == nil)
    for group in groups { try await group.shutdownGracefully() }
  }
}

private final class OrderBox: Sendable {
  private let order = Mutex<[String]>([])
  func append(_ value: String) { order.withLock { $0.append(value) } }
  var values: [String] { order.withLock { $0 } }
}

private final class StopFlag: Sendable {
  private let flag = Atomic(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}
