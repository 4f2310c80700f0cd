import NIOCore
import NIOPosix

/// Something that is looked at, or ends, at a point in time.
protocol DeadlineTarget: AnyObject {
  /// Where the queue keeps it; nil while it is in no queue. For the queue only.
  var deadlineIndex: Int? { get set }
  /// Called on the loop, after it left the queue.
  func deadlineExpired()
}

/// The deadlines of all calls of one event loop: a heap, and one timer for the earliest. Loop-confined.
final class DeadlineQueue {
  private struct Entry {
    let deadline: NIODeadline
    let target: any DeadlineTarget
  }

  private let loop: any EventLoop
  private var heap: [Entry] = []
  private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?

  init(loop: any EventLoop) {
    self.loop = loop
  }

  /// Safe to share: `ThreadSpecificVariable` gives each thread its own value.
  private struct PerThread: @unchecked Sendable {
    let variable = ThreadSpecificVariable<DeadlineQueue>()
  }

  private static let queues = PerThread()

  /// The queue of the loop this is called on.
  static func current(_ loop: any EventLoop) -> DeadlineQueue {
    loop.preconditionInEventLoop()
    if let queue = queues.variable.currentValue, queue.loop === loop { return queue }
    let queue = DeadlineQueue(loop: loop)
    queues.variable.currentValue = queue
    return queue
  }

  var count: Int { heap.count }

  func add(_ target: any DeadlineTarget, _ deadline: NIODeadline) {
    loop.assertInEventLoop()
    precondition(target.deadlineIndex == nil, "a target has one deadline")
    heap.append(Entry(deadline: deadline, target: target))
    target.deadlineIndex = heap.count - 1
    siftUp(heap.count - 1)
    schedule()
  }

  func remove(_ target: any DeadlineTarget) {
    loop.assertInEventLoop()
    guard let index = target.deadlineIndex else { return }
    target.deadlineIndex = nil
    let last = heap.removeLast()
    guard index < heap.count else { return }
    place(last, at: index)
    siftDown(index)
    siftUp(index)
  }

  /// The timer stays when its call ended early: it finds nothing due, and is set again for the earliest one left.
  private func schedule() {
    guard let earliest = heap.first?.deadline else { return }
    if let timer {
      guard earliest < timer.deadline else { return }
      timer.task.cancel()
    }
    let bound = NIOLoopBound(self, eventLoop: loop)
    timer = (earliest, loop.scheduleTask(deadline: earliest) { bound.value.fire() })
  }

  private func fire() {
    timer = nil
    let now = NIODeadline.now()
    while let first = heap.first, first.deadline <= now {
      remove(first.target)
      first.target.deadlineExpired()
    }
    schedule()
  }

  private func place(_ entry: Entry, at index: Int) {
    heap[index] = entry
    entry.target.deadlineIndex = index
  }

  private func siftUp(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      guard heap[index].deadline < heap[parent].deadline else { return }
      swap(index, parent)
      index = parent
    }
  }

  private func siftDown(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in (2 * index + 1)...(2 * index + 2) where child < heap.count {
        if heap[child].deadline < heap[least].deadline { least = child }
      }
      guard least != index else { return }
      swap(index, least)
      index = least
    }
  }

  private func swap(_ first: Int, _ second: Int) {
    let entry = heap[first]
    place(heap[second], at: first)
    place(entry, at: second)
  }
}
