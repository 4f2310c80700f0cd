/// Reads numbers and names at places of an array; nil beyond its end.
struct ByteScan {
  let bytes: [UInt8]
  var count: Int { bytes.count }

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  func byte(at offset: Int) -> UInt8? {
    bytes.indices.contains(offset) ? bytes[offset] : nil
  }

  func big(_ length: Int, at offset: Int) -> UInt64? {
    guard offset >= 0, length <= bytes.count, offset <= bytes.count - length else { return nil }
    return bytes[offset..<offset + length].reduce(0) { $0 << 8 | UInt64($1) }
  }

  func little(_ length: Int, at offset: Int) -> UInt64? {
    guard offset >= 0, length <= bytes.count, offset <= bytes.count - length else { return nil }
    return bytes[offset..<offset + length].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  func big32(at offset: Int) -> UInt32? { big(4, at: offset).map { UInt32($0) } }
  func little32(at offset: Int) -> UInt32? { little(4, at: offset).map { UInt32($0) } }

  func has(_ name: String, at offset: Int) -> Bool {
    let name = name.utf8
    return offset >= 0 && offset <= bytes.count - name.count && bytes[offset..<offset + name.count].elementsEqual(name)
  }
}
