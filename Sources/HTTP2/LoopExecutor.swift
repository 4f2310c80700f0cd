package import NIOCore
import Sockets
import Synchronization

/// Runs Swift tasks on an event loop: one local queue of jobs, one `EventLoop.execute` per burst of them.
///
/// A batch is bounded, then the loop gets its turn for I/O. Connections that jobs wrote to are flushed once, at the end
/// of the batch. `enqueue` may be called from any thread; everything else on the loop only.
package final class LoopExecutor: TaskExecutor, @unchecked Sendable {
  // Loop-confined state is touched only after `inEventLoop` was true; other threads use the locked `inbox`.

  /// Jobs run before the loop gets its turn: about a millisecond of small jobs.
  static let batch_jobs = 512
  /// NIO drains its task queue, tasks added meanwhile too, before it looks at sockets again; only a later deadline
  /// makes it look. As short as a timer can be.
  private static let ioTurn = TimeAmount.microseconds(20)

  package let eventLoop: any EventLoop
  private var jobs: [UnownedJob] = []
  private var nextJob = 0
  private var dirty: [any LoopFlushable] = []
  private var isScheduled = false
  private var isRunning = false
  /// Jobs from other threads, and whether a wake-up for them is on its way.
  private let inbox = Mutex<(jobs: [UnownedJob], isWaking: Bool)>(([], false))
  /// Frames are gathered here: one buffer for all connections of the loop, reused when nobody kept it.
  var gatherBuffer = ByteBuffer()
  /// Sockets are read into this one, in turn.
  let readBuffer = SharedReadBuffer(capacity_bytes: Limits.read_bytes)

  /// For one user of a loop, an embedded one in a test; who shares a loop uses `for`.
  package init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  // MARK: Finding the executor of a loop

  private static let executors = Mutex<[ObjectIdentifier: LoopExecutor]>([:])

  /// The executor of `eventLoop`: always the same one as long as somebody holds it. From any thread.
  package static func `for`(_ eventLoop: any EventLoop) -> LoopExecutor {
    executors.withLock { executors in
      if let executor = executors[ObjectIdentifier(eventLoop)] { return executor }
      removeUnused(&executors)
      let executor = LoopExecutor(eventLoop: eventLoop)
      executors[ObjectIdentifier(eventLoop)] = executor
      return executor
    }
  }

  /// Drops executors that only the table holds. Weak references would do it sooner, but they make every retain of the
  /// executor, several per task, take the slow path.
  private static func removeUnused(_ executors: inout [ObjectIdentifier: LoopExecutor]) {
    var unused: [ObjectIdentifier] = []
    // Not `for index in executors.indices`: the indices keep a copy, and then nothing is unique.
    var index = executors.startIndex
    while index != executors.endIndex {
      if isKnownUniquelyReferenced(&executors.values[index]) { unused.append(executors.keys[index]) }
      executors.formIndex(after: &index)
    }
    for loop in unused { executors[loop] = nil }
  }

  // MARK: Jobs

  /// Begins a task that prefers the loop: at once when called there. From any thread.
  package func begin(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    eventLoop.inEventLoop
      ? Task.immediate(executorPreference: self, operation: work) : Task(executorPreference: self, operation: work)
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if eventLoop.inEventLoop {
      jobs.append(job)
      schedule()
    } else {
      let mustWake = inbox.withLock { inbox in
        inbox.jobs.append(job)
        defer { inbox.isWaking = true }
        return !inbox.isWaking
      }
      if mustWake { eventLoop.execute { self.wake() } }
    }
  }

  package func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

  /// Flushes `connection` once at the end of the current or next batch.
  func markDirty(_ connection: any LoopFlushable) {
    dirty.append(connection)
    schedule()
  }

  private func schedule() {
    guard !isScheduled else { return }
    isScheduled = true
    eventLoop.execute { self.run() }
  }

  /// Another thread enqueued jobs. A run that is already due takes them.
  private func wake() {
    if !isScheduled { run() }
  }

  /// Runs the tasks that `body` resumes right after it, while what they were given is in the processor's cache.
  /// Connections they wrote to are flushed in the next batch.
  func runningTasks(after body: () -> Void) {
    guard !isRunning else { return body() }
    let wasScheduled = isScheduled
    isRunning = true
    isScheduled = true
    body()
    var budget = Self.batch_jobs
    runJobs(&budget)
    isRunning = false
    guard !wasScheduled else { return }
    isScheduled = false
    if hasWork { schedule() }
  }

  private func run() {
    isRunning = true
    isScheduled = true
    takeInbox()
    var budget = Self.batch_jobs
    repeat {
      runJobs(&budget)
      flushDirty(&budget)
    } while budget > 0 && hasWork
    isScheduled = false
    isRunning = false
    if hasWork {
      isScheduled = true
      eventLoop.scheduleTask(in: Self.ioTurn) { self.run() }
    }
  }

  /// A batch of tasks is due.
  var hasJobs: Bool { nextJob < jobs.count }
  private var hasWork: Bool { nextJob < jobs.count || !dirty.isEmpty }

  private func runJobs(_ budget: inout Int) {
    let executor = asUnownedTaskExecutor()
    while budget > 0, nextJob < jobs.count {
      let job = jobs[nextJob]
      nextJob += 1
      budget -= 1
      job.runSynchronously(on: executor)
    }
    if nextJob == jobs.count {
      jobs.removeAll(keepingCapacity: jobs.capacity <= 4 * Self.batch_jobs)
      nextJob = 0
    } else if nextJob >= Self.batch_jobs {
      jobs.removeFirst(nextJob)
      nextJob = 0
    }
  }

  private func takeInbox() {
    inbox.withLock { inbox in
      guard inbox.isWaking else { return }
      jobs.append(contentsOf: inbox.jobs)
      inbox.jobs.removeAll(keepingCapacity: inbox.jobs.capacity <= 4 * Self.batch_jobs)
      inbox.isWaking = false
    }
  }

  /// One round; connections that become dirty meanwhile wait for the next. A flush counts as a job.
  private func flushDirty(_ budget: inout Int) {
    guard !dirty.isEmpty else { return }
    budget -= dirty.count
    var round: [any LoopFlushable] = []
    swap(&round, &dirty)
    for connection in round { connection.flushFromLoop() }
    if dirty.isEmpty {
      round.removeAll(keepingCapacity: true)
      swap(&round, &dirty)
    }
  }
}

/// Something that collects output and flushes it when the loop's batch ends.
protocol LoopFlushable: AnyObject {
  func flushFromLoop()
}
