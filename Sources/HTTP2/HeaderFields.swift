import CNGHTTP2

/// Header fields that never change, kept for the life of the process so that nghttp2 can refer to them instead of
/// copying. Make them once, in a `static let`: what is made is never freed.
package struct PrebuiltHeaders: @unchecked Sendable {  // immutable after init and never freed
  let fields: UnsafeMutablePointer<nghttp2_nv>
  let count: Int

  /// Names must be lower case.
  package init(_ pairs: [(name: String, value: String)]) {
    count = pairs.count
    fields = .allocate(capacity: max(1, pairs.count))
    let flags = UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
    for (index, pair) in pairs.enumerated() {
      let name = Self.immortal(pair.name)
      let value = Self.immortal(pair.value)
      (fields + index).initialize(
        to: nghttp2_nv(
          name: name.baseAddress, value: value.baseAddress, namelen: name.count, valuelen: value.count, flags: flags))
    }
  }

  private static func immortal(_ text: String) -> UnsafeMutableBufferPointer<UInt8> {
    let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, text.utf8.count))
    _ = bytes.initialize(from: text.utf8)
    return UnsafeMutableBufferPointer(rebasing: bytes[..<text.utf8.count])
  }
}

/// Header fields to send: a prebuilt block first, then fields of this message.
///
/// A value with a prebuilt block only costs no allocation and no copy. Names must be lower case and values must be
/// valid field values (RFC 9110 §5.5); the caller validates what users give, the peer rejects the stream otherwise.
package struct HeaderFields: Sendable {
  private let prebuilt: PrebuiltHeaders?
  /// Entries: flags (1 byte), name length (4, little endian), value length (4), name, value.
  private var added: [UInt8] = []
  private var addedCount = 0

  package init(_ prebuilt: PrebuiltHeaders? = nil) { self.prebuilt = prebuilt }

  package var count: Int { (prebuilt?.count ?? 0) + addedCount }

  /// Adds a field. `isSensitive`: never enters a compression table (credentials).
  package mutating func append(_ name: String, _ value: String, isSensitive: Bool = false) {
    appendPrefix(nameCount: name.utf8.count, valueCount: value.utf8.count, isSensitive: isSensitive)
    added.append(contentsOf: name.utf8)
    added.append(contentsOf: value.utf8)
  }

  package mutating func append(_ name: String, _ value: some Collection<UInt8>, isSensitive: Bool = false) {
    appendPrefix(nameCount: name.utf8.count, valueCount: value.count, isSensitive: isSensitive)
    added.append(contentsOf: name.utf8)
    added.append(contentsOf: value)
  }

  private mutating func appendPrefix(nameCount: Int, valueCount: Int, isSensitive: Bool) {
    added.append(isSensitive ? UInt8(NGHTTP2_NV_FLAG_NO_INDEX.rawValue) : 0)
    withUnsafeBytes(of: UInt32(nameCount).littleEndian) { added.append(contentsOf: $0) }
    withUnsafeBytes(of: UInt32(valueCount).littleEndian) { added.append(contentsOf: $0) }
    addedCount += 1
  }

  /// Calls `body` with all fields in nghttp2's form; the pointers to added fields are valid during the call only, and
  /// nghttp2 copies those.
  @inline(__always)
  func withFields<R>(_ body: (UnsafePointer<nghttp2_nv>, Int) -> R) -> R {
    if addedCount == 0, let prebuilt { return body(prebuilt.fields, prebuilt.count) }
    return withMixedFields(body)
  }

  private func withMixedFields<R>(_ body: (UnsafePointer<nghttp2_nv>, Int) -> R) -> R {
    withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(1, count)) { all in
      let prebuiltCount = prebuilt?.count ?? 0
      for index in 0..<prebuiltCount { all.initializeElement(at: index, to: prebuilt.unsafelyUnwrapped.fields[index]) }
      return added.withUnsafeBytes { bytes in
        var offset = 0
        for index in prebuiltCount..<count {
          let nameCount = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 1, as: UInt32.self)))
          let valueCount = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 5, as: UInt32.self)))
          let name = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self) + offset + 9
          all.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: UnsafeMutablePointer(mutating: name), value: UnsafeMutablePointer(mutating: name + nameCount),
              namelen: nameCount, valuelen: valueCount, flags: bytes[offset]))
          offset += 9 + nameCount + valueCount
        }
        return body(UnsafePointer(all.baseAddress.unsafelyUnwrapped), count)
      }
    }
  }
}
