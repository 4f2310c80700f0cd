/// Finds a method by the bytes of `:path`, without making a String. Open addressing, at most half full.
struct RouteTable: Sendable {
  private struct Slot: Sendable {
    let path: [UInt8]
    let method: ServedMethod
  }

  private var slots: [Slot?]
  private let mask: Int

  init(_ methods: [ServedMethod]) {
    var capacity = 8
    while capacity < methods.count * 2 { capacity *= 2 }
    slots = Array(repeating: nil, count: capacity)
    mask = capacity - 1
    for method in methods {
      let path = Array(method.descriptor.path.utf8)
      var index = path.withUnsafeBufferPointer { Self.hash(UnsafeRawBufferPointer($0)) } & mask
      while slots[index] != nil { index = (index + 1) & mask }
      slots[index] = Slot(path: path, method: method)
    }
  }

  func method(_ path: UnsafeRawBufferPointer) -> ServedMethod? {
    slots.withUnsafeBufferPointer { slots in
      var index = Self.hash(path) & mask
      while slots[index] != nil {
        if let slot = slots[index], slot.path.count == path.count, slot.path.elementsEqual(path) { return slot.method }
        index = (index + 1) & mask
      }
      return nil
    }
  }

  func method(path: String) -> ServedMethod? {
    var path = path
    return path.withUTF8 { method(UnsafeRawBufferPointer($0)) }
  }

  /// Of the length and the last eight bytes: methods of one service differ at the end. The table is fixed at start, so
  /// a peer cannot fill it with colliding names.
  @inline(__always)
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard bytes.count >= 8 else { return bytes.count }
    let tail = bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
    let mixed = (tail ^ UInt64(truncatingIfNeeded: bytes.count)) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 33)
  }
}
