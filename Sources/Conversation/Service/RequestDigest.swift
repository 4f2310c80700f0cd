/// Tells whether a reused request_id comes with the same payload: FNV-1a, 128 bits, over length-prefixed fields.
///
/// Not a cryptographic hash: whoever makes two payloads collide gets the first one's answer to their own request.
package struct RequestDigest {
  private static let prime: UInt128 = 0x0000_0000_0100_0000_0000_0000_0000_013b
  private var value: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d

  package init() {}

  package mutating func add(_ field: String) {
    var field = field
    field.withUTF8 { bytes in
      add(Int64(bytes.count))
      for byte in bytes { add(byte) }
    }
  }

  package mutating func add(_ field: Int64) {
    for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: field >> Int64(shift))) }
  }

  package var bytes: [UInt8] {
    stride(from: 0, to: 128, by: 8).map { UInt8(truncatingIfNeeded: value >> UInt128($0)) }
  }

  private mutating func add(_ byte: UInt8) {
    value = (value ^ UInt128(byte)) &* Self.prime
  }
}
