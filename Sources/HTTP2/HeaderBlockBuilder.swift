/// Collects one header list; one per session, so that a block costs a single allocation of its exact size.
///
/// Plain memory rather than an array: this runs for every field received.
final class HeaderBlockBuilder {
  private var bytes: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var count = 0
  private var tokens: UInt32 = 0
  /// Size as RFC 9113 §6.5.2 counts it.
  private(set) var listSize_bytes = 0
  private(set) var fieldCount = 0

  /// Room for a gRPC request's usual fields.
  private static let initialCapacity = 256
  /// What is kept for the next block.
  private static let keptCapacity = 1_024

  init() {
    capacity = Self.initialCapacity
    bytes = .allocate(capacity: capacity)
  }

  deinit { bytes.deallocate() }

  func reset() {
    if capacity > Self.keptCapacity { replaceMemory(capacity: Self.initialCapacity, keeping: 0) }
    count = 0
    tokens = 0
    listSize_bytes = 0
    fieldCount = 0
  }

  /// Counts a field; false when it does not fit into the limits, and then it must not be appended.
  @inline(__always)
  func admit(nameCount: Int, valueCount: Int, size_bytes: Int, fields: Int) -> Bool {
    listSize_bytes += nameCount + valueCount + 32
    fieldCount += 1
    return listSize_bytes <= size_bytes && fieldCount <= fields
  }

  func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
    guard let nameStart = name.baseAddress else { return }
    let token = HeaderToken(name: nameStart, count: name.count)
    tokens |= token.bit
    let nameCount = token == .other ? name.count : 0
    precondition(nameCount <= UInt16.max && value.count <= UInt16.max, "a field above 64 KiB was admitted")
    let end = count + HeaderBlock.prefix_bytes + nameCount + value.count
    if end > capacity { replaceMemory(capacity: max(end, 2 * capacity), keeping: count) }
    let entry = bytes + count
    entry[0] = token.rawValue
    entry[1] = UInt8(truncatingIfNeeded: nameCount)
    entry[2] = UInt8(truncatingIfNeeded: nameCount >> 8)
    entry[3] = UInt8(truncatingIfNeeded: value.count)
    entry[4] = UInt8(truncatingIfNeeded: value.count >> 8)
    let text = entry + HeaderBlock.prefix_bytes
    text.update(from: nameStart, count: nameCount)
    if let valueStart = value.baseAddress { (text + nameCount).update(from: valueStart, count: value.count) }
    count = end
  }

  /// The list so far, copied to its exact size.
  func build() -> HeaderBlock {
    let storage = [UInt8](unsafeUninitializedCapacity: count) { target, initializedCount in
      target.baseAddress?.initialize(from: bytes, count: count)
      initializedCount = count
    }
    return HeaderBlock(storage: storage, tokens: tokens)
  }

  private func replaceMemory(capacity newCapacity: Int, keeping kept: Int) {
    let replacement = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
    replacement.update(from: bytes, count: kept)
    bytes.deallocate()
    bytes = replacement
    capacity = newCapacity
  }
}
