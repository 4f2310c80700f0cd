import NIOCore
import Sockets

/// What the connections of one listener share on one event loop: buffers, zlib, the clock, the list of who has
/// something to flush. Loop-confined but for `init`.
final class WebSocketLoop: @unchecked Sendable {
  // Sendable only to be passed to its loop; everything but the constants is touched on that loop alone.
  let eventLoop: any EventLoop
  let settings: SessionSettings
  let workspace = SessionWorkspace()
  private var wheel = TimerWheel(now_s: 1)
  private var started: NIODeadline
  private var isTicking = false
  /// Those of this second that were not called yet.
  private var due: [any LoopEntry] = []
  private var dirty: [WebSocketConnection] = []
  private var isFlushScheduled = false
  /// Sockets without TLS are read into this one, in turn.
  let readBuffer = SharedReadBuffer(capacity_bytes: Limits.read_bytes)
  /// Who is there, for a listener's limits; a client has none.
  let counts: ConnectionCounts?
  let limitReached: @Sendable (WebSocketLimit) -> Void
  /// The listener stops: no more upgrades.
  var isRefusing = false

  init(
    eventLoop: any EventLoop, settings: SessionSettings, counts: ConnectionCounts? = nil,
    limitReached: @escaping @Sendable (WebSocketLimit) -> Void = { _ in }
  ) {
    self.eventLoop = eventLoop
    self.settings = settings
    self.counts = counts
    self.limitReached = limitReached
    started = eventLoop.now
  }

  // MARK: Time

  /// Whole seconds, moved by the wheel: as coarse as the deadlines need, and free to ask. A wheel with nobody in it
  /// stands still.
  var now_s: UInt32 { isTicking ? wheel.now_s : elapsed_s }

  func add(_ entry: any LoopEntry, due_s: UInt32?) -> TimerWheel.Key {
    if !isTicking {
      isTicking = true
      wheel.jump(to: elapsed_s)
      scheduleTick()
    }
    return wheel.add(entry, due_s: due_s)
  }

  func remove(_ key: TimerWheel.Key) { wheel.remove(key) }
  func schedule(_ key: TimerWheel.Key, due_s: UInt32?) { wheel.schedule(key, due_s: due_s) }
  var entries: [any LoopEntry] { wheel.entries }

  private var elapsed_s: UInt32 {
    UInt32(truncatingIfNeeded: max(0, (eventLoop.now - started).nanoseconds) / 1_000_000_000) &+ 1
  }

  private func scheduleTick() {
    let next = started + .seconds(Int64(wheel.now_s))
    eventLoop.assumeIsolated().scheduleTask(deadline: max(next, eventLoop.now + .milliseconds(1))) { self.tick() }
  }

  /// Calls those whose time has come, some at a time: sockets that were opened in one second are pinged in one second,
  /// and the others want to be heard in between.
  private func tick() {
    if elapsed_s > wheel.now_s &+ Limits.stall_s {
      started = started + .seconds(Int64(elapsed_s - wheel.now_s) - 1)
    }
    let target_s = elapsed_s
    while due.isEmpty, wheel.now_s < target_s { due = wheel.advance() }
    for entry in due.suffix(Limits.deadlinesPerTurn) { entry.deadlineReached(now_s: wheel.now_s) }
    due.removeLast(min(due.count, Limits.deadlinesPerTurn))
    if !due.isEmpty || wheel.now_s < target_s {
      // Only a timer, however short, makes NIO look at its sockets first.
      eventLoop.assumeIsolated().scheduleTask(in: .microseconds(20)) { self.tick() }
    } else if wheel.count > 0 {
      scheduleTick()
    } else {
      isTicking = false
    }
  }

  // MARK: Output

  /// Flushes `connection` once, at the end of this loop turn.
  func markDirty(_ connection: WebSocketConnection) {
    dirty.append(connection)
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    eventLoop.assumeIsolated().execute { self.flushDirty() }
  }

  private func flushDirty() {
    isFlushScheduled = false
    var round: [WebSocketConnection] = []
    swap(&round, &dirty)
    for connection in round { connection.flushFromLoop() }
    guard dirty.isEmpty else { return }
    round.removeAll(keepingCapacity: true)
    swap(&round, &dirty)
  }
}
