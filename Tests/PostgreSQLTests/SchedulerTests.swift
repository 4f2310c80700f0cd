import Testing

@testable import PostgreSQL

@Suite struct SchedulerTests {
  /// `#expect` cannot call mutating methods of a value.
  private final class Subject<Value> {
    var value: Value

    init(_ value: Value) {
      self.value = value
    }

    func callAsFunction<R>(_ change: (inout Value) -> R) -> R { change(&value) }
  }

  private func scheduler(_ count: Int, limit: Int = 100, open: [Int]? = nil) -> Subject<Scheduler<Int>> {
    var scheduler = Scheduler<Int>(connectionCount: count, queueLimit: limit)
    for slot in open ?? Array(0..<count) { scheduler.opened(slot) }
    return Subject(scheduler)
  }

  private func waiting(_ id: UInt64, _ lane: Scheduler<Int>.Lane, deadline_ns: UInt64 = 10) -> Scheduler<Int>.Waiting {
    Scheduler<Int>.Waiting(id: id, lane: lane, deadline_ns: deadline_ns, item: Int(id))
  }

  private func assign(_ scheduler: Subject<Scheduler<Int>>) -> [[Int]] {
    var assigned: [[Int]] = []
    while let (slot, waiting) = scheduler.value.nextAssignment() { assigned.append([waiting.item, slot]) }
    return assigned
  }

  @Test func oneWritePerIdleConnectionInOrder() {
    let scheduler = scheduler(4)
    for id in 1...5 { #expect(scheduler { $0.enqueue(waiting(UInt64(id), .write)) }) }
    #expect(assign(scheduler) == [[1, 0], [2, 1], [3, 2]], "the last connection is for reads")
    scheduler.value.finished(1)
    #expect(assign(scheduler) == [[4, 1]])
    #expect(scheduler.value.queuedCount == 1)
  }

  @Test func readsPipelineOnTheReaderAndNeverBehindWrites() {
    let scheduler = scheduler(3)
    for id in 1...3 { _ = scheduler { $0.enqueue(waiting(UInt64(id), .write)) } }
    for id in 11...13 { _ = scheduler { $0.enqueue(waiting(UInt64(id), .read)) } }
    #expect(assign(scheduler) == [[1, 0], [2, 1], [11, 2], [12, 2], [13, 2]])
    #expect(scheduler.value.slots[2] == .ready(depth: 3))
  }

  @Test func readsSpreadOverIdleConnectionsFirst() {
    let scheduler = scheduler(3)
    for id in 1...5 { _ = scheduler { $0.enqueue(waiting(UInt64(id), .read)) } }
    #expect(assign(scheduler) == [[1, 2], [2, 0], [3, 1], [4, 2], [5, 2]])
  }

  @Test func thePipelineHasADepth() {
    let scheduler = scheduler(2)
    _ = scheduler { $0.enqueue(waiting(1, .write)) }
    for id in 0...PostgreSQLLimits.pipelineDepthMaximum {
      _ = scheduler { $0.enqueue(waiting(UInt64(100 + id), .read)) }
    }
    #expect(assign(scheduler).count == 1 + PostgreSQLLimits.pipelineDepthMaximum)
    #expect(scheduler.value.queuedCount == 1)
  }

  @Test func oneConnectionCarriesBoth() {
    let scheduler = scheduler(1)
    _ = scheduler { $0.enqueue(waiting(1, .read)) }
    _ = scheduler { $0.enqueue(waiting(2, .write)) }
    _ = scheduler { $0.enqueue(waiting(3, .read)) }
    #expect(assign(scheduler) == [[2, 0], [1, 0], [3, 0]])
  }

  @Test func onOneConnectionNeitherKindStarvesTheOther() {
    let scheduler = scheduler(1)
    _ = scheduler { $0.enqueue(waiting(1, .read, deadline_ns: 1)) }
    _ = scheduler { $0.enqueue(waiting(2, .write, deadline_ns: 2)) }
    _ = scheduler { $0.enqueue(waiting(3, .read, deadline_ns: 3)) }
    _ = scheduler { $0.enqueue(waiting(4, .write, deadline_ns: 4)) }
    #expect(assign(scheduler) == [[1, 0]], "the write waits for the read before it")
    scheduler.value.finished(0)
    #expect(assign(scheduler) == [[2, 0], [3, 0]])
    scheduler.value.finished(0)
    scheduler.value.finished(0)
    #expect(assign(scheduler) == [[4, 0]])
  }

  @Test func anExclusiveConnectionTakesNothingElse() {
    let scheduler = scheduler(1)
    _ = scheduler { $0.enqueue(waiting(1, .exclusive)) }
    _ = scheduler { $0.enqueue(waiting(2, .read)) }
    #expect(assign(scheduler) == [[1, 0]])
    #expect(!scheduler.value.isIdle)
    scheduler.value.released(0)
    #expect(assign(scheduler) == [[2, 0]])
  }

  @Test func theQueueIsBounded() {
    let scheduler = scheduler(1, limit: 2, open: [])
    #expect(scheduler { $0.enqueue(waiting(1, .write)) })
    #expect(scheduler { $0.enqueue(waiting(2, .read)) })
    #expect(!scheduler { $0.enqueue(waiting(3, .write)) })
    #expect(!scheduler { $0.enqueue(waiting(4, .read)) })
    scheduler.value.enqueueFirst(waiting(5, .write))
    #expect(scheduler.value.queuedCount == 3)
  }

  @Test func connectionsOpenAsWorkWaits() {
    let scheduler = scheduler(4, open: [0])
    for id in 1...2 { _ = scheduler { $0.enqueue(waiting(UInt64(id), .write)) } }
    #expect(assign(scheduler) == [[1, 0]])
    #expect(scheduler { $0.slotsToOpen() } == [1])
    #expect(scheduler { $0.slotsToOpen() } == [], "it is opening already")
    _ = scheduler { $0.enqueue(waiting(3, .read)) }
    #expect(scheduler { $0.slotsToOpen() } == [3])
    scheduler.value.closed(1)
    #expect(scheduler { $0.slotsToOpen() } == [1])
  }

  @Test func waitsEndInOrderAndByName() {
    let scheduler = scheduler(1, open: [])
    _ = scheduler { $0.enqueue(waiting(1, .write, deadline_ns: 5)) }
    _ = scheduler { $0.enqueue(waiting(2, .read, deadline_ns: 6)) }
    _ = scheduler { $0.enqueue(waiting(3, .write, deadline_ns: 7)) }
    #expect(scheduler.value.nextDeadline_ns == 5)
    #expect(scheduler { $0.removeExpired(now_ns: 6) } == [1, 2])
    #expect(scheduler { $0.remove(id: 3) } == 3)
    #expect(scheduler { $0.remove(id: 3) } == nil)
    #expect(scheduler.value.nextDeadline_ns == nil)
    #expect(scheduler.value.isIdle)
  }

  @Test(arguments: [1, 7, 1000]) func theFIFOKeepsOrderThroughReuse(batch: Int) {
    let queue = Subject(FIFO<Int>())
    var next = 0
    var expected = 0
    for _ in 0..<5 {
      for _ in 0..<batch {
        queue.value.append(next)
        next += 1
      }
      for _ in 0..<(batch / 2 + 1) where !queue.value.isEmpty {
        #expect(queue { $0.popFirst() } == expected)
        expected += 1
      }
    }
    if let first = queue.value.popFirst() {
      queue.value.prepend(first)
      #expect(queue.value.first == first)
    }
    #expect(queue.value.count == next - expected)
  }

  @Test func pausesGrowToALimitAndAreJittered() {
    let backoff = Subject(Backoff())
    let longest = (0..<12).map { _ in backoff { $0.next_ms { $0.upperBound } } }
    #expect(Array(longest.prefix(4)) == [50, 100, 200, 400])
    #expect(longest.last == PostgreSQLLimits.reconnectPauseLongest_ms)
    backoff.value.reset()
    #expect(backoff { $0.next_ms { $0.lowerBound } } == 25)
  }
}
