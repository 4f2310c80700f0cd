/// Decides which connection runs which command. No I/O and no clock: a value that takes events and gives assignments.
///
///     closed → opening → ready(depth) ⇄ exclusive
///
/// The last connections carry reads only, pipelined, so that no read waits behind a commit or a row lock. All others
/// carry one write at a time (and reads, when idle and no write waits). With one connection reads share it with writes.
struct Scheduler<Item> {
  enum Slot: Equatable {
    case closed
    case opening
    /// Answers it owes.
    case ready(depth: Int)
    /// Pinned by a transaction, or running a script.
    case exclusive
  }

  enum Lane: Sendable {
    case write
    case read
    /// As a write, and nothing else runs there until `released`.
    case exclusive
  }

  struct Waiting {
    let id: UInt64
    let lane: Lane
    let deadline_ns: UInt64
    let item: Item
  }

  private(set) var slots: [Slot]
  private let writeSlots: Range<Int>
  private let readSlots: Range<Int>
  private let queueLimit: Int
  private var writes = FIFO<Waiting>()
  private var reads = FIFO<Waiting>()

  init(connectionCount: Int, queueLimit: Int) {
    let readers = connectionCount < 2 ? 0 : max(1, connectionCount / PostgreSQLLimits.connectionsPerReader)
    slots = Array(repeating: .closed, count: connectionCount)
    writeSlots = 0..<(connectionCount - readers)
    readSlots = (connectionCount - readers)..<connectionCount
    self.queueLimit = queueLimit
  }

  var queuedCount: Int { writes.count + reads.count }

  /// False when too many wait already; the item was not taken.
  mutating func enqueue(_ waiting: Waiting) -> Bool {
    guard queuedCount < queueLimit else { return false }
    if waiting.lane == .read { reads.append(waiting) } else { writes.append(waiting) }
    return true
  }

  /// Before all others and beyond the limit: for a command that had its turn but could not run.
  mutating func enqueueFirst(_ waiting: Waiting) {
    if waiting.lane == .read { reads.prepend(waiting) } else { writes.prepend(waiting) }
  }

  /// The next command that can be sent now, and where. The slot counts it already.
  mutating func nextAssignment() -> (slot: Int, waiting: Waiting)? {
    if !writes.isEmpty, !readGoesFirst, let slot = idleSlot(in: writeSlots), let waiting = writes.popFirst() {
      slots[slot] = waiting.lane == .exclusive ? .exclusive : .ready(depth: 1)
      return (slot, waiting)
    }
    if !reads.isEmpty, let slot = slotForRead(), let waiting = reads.popFirst() {
      if case .ready(let depth) = slots[slot] { slots[slot] = .ready(depth: depth + 1) }
      return (slot, waiting)
    }
    return nil
  }

  /// With one connection for both, the older goes first: else one kind could keep the other waiting for ever.
  private var readGoesFirst: Bool {
    guard readSlots.isEmpty, let read = reads.first, let write = writes.first else { return false }
    return read.deadline_ns < write.deadline_ns
  }

  private func idleSlot(in range: Range<Int>) -> Int? {
    range.first { slots[$0] == .ready(depth: 0) }
  }

  private func slotForRead() -> Int? {
    if let idle = idleSlot(in: readSlots) { return idle }
    if writes.isEmpty, let idle = idleSlot(in: writeSlots) { return idle }
    if readSlots.isEmpty, !writes.isEmpty, !readGoesFirst { return nil }
    let candidates = readSlots.isEmpty ? writeSlots : readSlots
    var best: (slot: Int, depth: Int)?
    for slot in candidates {
      guard case .ready(let depth) = slots[slot], depth < PostgreSQLLimits.pipelineDepthMaximum else { continue }
      if depth < best?.depth ?? .max { best = (slot, depth) }
    }
    return best?.slot
  }

  /// Closed slots that should be opened now for the commands that wait. They count as opening from here on.
  mutating func slotsToOpen() -> [Int] {
    var chosen: [Int] = []
    choose(waiting: writes.count, in: writeSlots, &chosen)
    // A read waits only when every reader is full or none is open: one more at a time is enough.
    let wantsReader = readSlots.contains { slots[$0] == .opening } ? 0 : min(reads.count, 1)
    choose(waiting: wantsReader, in: readSlots.isEmpty ? writeSlots : readSlots, &chosen)
    return chosen
  }

  private mutating func choose(waiting: Int, in range: Range<Int>, _ chosen: inout [Int]) {
    var missing = waiting - range.count { slots[$0] == .opening }
    for slot in range where missing > 0 && slots[slot] == .closed {
      slots[slot] = .opening
      chosen.append(slot)
      missing -= 1
    }
  }

  mutating func opening(_ slot: Int) { slots[slot] = .opening }
  mutating func opened(_ slot: Int) { slots[slot] = .ready(depth: 0) }
  mutating func closed(_ slot: Int) { slots[slot] = .closed }

  /// One command of a shared slot was answered.
  mutating func finished(_ slot: Int) {
    if case .ready(let depth) = slots[slot] { slots[slot] = .ready(depth: max(0, depth - 1)) }
  }

  /// An exclusive slot is free again.
  mutating func released(_ slot: Int) {
    if slots[slot] == .exclusive { slots[slot] = .ready(depth: 0) }
  }

  mutating func remove(id: UInt64) -> Item? {
    (writes.removeFirst { $0.id == id } ?? reads.removeFirst { $0.id == id })?.item
  }

  /// Commands whose wait is over. All wait equally long, so the oldest is first.
  mutating func removeExpired(now_ns: UInt64) -> [Item] {
    var expired: [Item] = []
    while let first = writes.first, first.deadline_ns <= now_ns { expired.append(first.item); _ = writes.popFirst() }
    while let first = reads.first, first.deadline_ns <= now_ns { expired.append(first.item); _ = reads.popFirst() }
    return expired
  }

  mutating func removeAll() -> [Item] {
    removeExpired(now_ns: .max)
  }

  var nextDeadline_ns: UInt64? {
    switch (writes.first?.deadline_ns, reads.first?.deadline_ns) {
    case (let write?, let read?): min(write, read)
    case (let one?, nil), (nil, let one?): one
    case (nil, nil): nil
    }
  }

  /// Neither running nor waiting commands.
  var isIdle: Bool {
    queuedCount == 0
      && slots.allSatisfy { slot in
        switch slot {
        case .closed, .opening: true
        case .ready(let depth): depth == 0
        case .exclusive: false
        }
      }
  }
}
