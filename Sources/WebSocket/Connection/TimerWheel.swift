/// Who is called when on one event loop: buckets of one second, no allocation per timer. A value type; time comes in.
struct TimerWheel {
  /// A place in the wheel. Numbers are used again, so that a generation tells whose it is.
  struct Key: Hashable {
    var slot: Int32
    var generation: UInt32
    static let none = Key(slot: -1, generation: 0)
  }

  private struct Slot {
    var entry: (any LoopEntry)?
    var generation: UInt32
    /// The second this entry is called in; `.max`: never.
    var due_s: UInt32
    /// The second whose bucket counts: earlier placements of a deadline that was moved are ignored.
    var placed_s: UInt32
    var nextFree: Int32
  }

  /// Later deadlines wait in the last bucket and move on from there.
  static let buckets = 64

  private var slots: [Slot] = []
  private var firstFree: Int32 = -1
  private var buckets = [[Key]](repeating: [], count: Self.buckets)
  private(set) var now_s: UInt32
  /// Entries there are.
  private(set) var count = 0

  init(now_s: UInt32) { self.now_s = now_s }

  mutating func add(_ entry: any LoopEntry, due_s: UInt32?) -> Key {
    let index: Int32
    if firstFree >= 0 {
      index = firstFree
      firstFree = slots[Int(index)].nextFree
      slots[Int(index)].entry = entry
    } else {
      index = Int32(slots.count)
      slots.append(Slot(entry: entry, generation: 0, due_s: .max, placed_s: 0, nextFree: -1))
    }
    count += 1
    let key = Key(slot: index, generation: slots[Int(index)].generation)
    schedule(key, due_s: due_s)
    return key
  }

  mutating func remove(_ key: Key) {
    guard isLive(key) else { return }
    let index = Int(key.slot)
    slots[index].entry = nil
    slots[index].generation &+= 1
    slots[index].due_s = .max
    slots[index].nextFree = firstFree
    firstFree = key.slot
    count -= 1
  }

  /// Changes when the entry is called; nil: not at all.
  mutating func schedule(_ key: Key, due_s: UInt32?) {
    guard isLive(key) else { return }
    let due_s = due_s.map { max($0, now_s &+ 1) } ?? .max
    guard slots[Int(key.slot)].due_s != due_s else { return }
    slots[Int(key.slot)].due_s = due_s
    if due_s != .max { place(key, due_s) }
  }

  private mutating func place(_ key: Key, _ due_s: UInt32) {
    let placed_s = min(due_s, now_s &+ UInt32(Self.buckets - 1))
    slots[Int(key.slot)].placed_s = placed_s
    buckets[Int(placed_s % UInt32(Self.buckets))].append(key)
  }

  private func isLive(_ key: Key) -> Bool {
    key.slot >= 0 && Int(key.slot) < slots.count && slots[Int(key.slot)].generation == key.generation
      && slots[Int(key.slot)].entry != nil
  }

  /// Moves to the next second and returns who is due in it. Their deadlines are cleared.
  mutating func advance() -> [any LoopEntry] {
    now_s &+= 1
    let bucket = Int(now_s % UInt32(Self.buckets))
    guard !buckets[bucket].isEmpty else { return [] }
    let keys = buckets[bucket]
    buckets[bucket].removeAll(keepingCapacity: true)
    var due: [any LoopEntry] = []
    for key in keys where isLive(key) {
      let slot = slots[Int(key.slot)]
      guard slot.placed_s == now_s, slot.due_s != .max else { continue }
      if slot.due_s > now_s {
        place(key, slot.due_s)
      } else if let entry = slot.entry {
        slots[Int(key.slot)].due_s = .max
        due.append(entry)
      }
    }
    return due
  }

  /// Nobody was here for a while: the clock jumps, which only an empty wheel may do.
  mutating func jump(to now_s: UInt32) {
    guard count == 0 else { return }
    for index in buckets.indices { buckets[index].removeAll(keepingCapacity: true) }
    self.now_s = max(self.now_s, now_s)
  }

  /// Everything in the wheel.
  var entries: [any LoopEntry] { slots.compactMap(\.entry) }
}

/// Something with deadlines on an event loop: a connection, or a handshake.
protocol LoopEntry: AnyObject {
  /// The deadline has come; `now_s` is the wheel's clock.
  func deadlineReached(now_s: UInt32)
  /// The listener drains: finish what can be finished.
  func drain(_ code: WebSocketCloseCode, reason: String)
  /// Ends now, without a word.
  func drop()
}
