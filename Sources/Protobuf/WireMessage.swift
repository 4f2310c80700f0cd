/// A protobuf message. The generated messages are values of Swift types; protobuf-c does the coding.
package protocol WireMessage: Sendable, Equatable {
  /// The full name, such as `lifeecho.conversation.v1.SendTextRequest`.
  static var protobufName: String { get }

  /// Decodes. Takes memory within ``Limits`` and gives it back before it returns. Unknown fields are dropped.
  init(serializedBytes: UnsafeRawBufferPointer) throws(WireError)

  /// Calls `body` with what writes the message. The packer is valid during the call.
  func withPacker<R>(_ body: (WirePacker) throws -> R) rethrows -> R
}

extension WireMessage {
  /// Decodes from an array.
  package init(serializedArray bytes: [UInt8]) throws(WireError) {
    let result: Result<Self, WireError> = bytes.withUnsafeBytes { buffer in
      do throws(WireError) { return .success(try Self(serializedBytes: buffer)) } catch { return .failure(error) }
    }
    self = try result.get()
  }

  /// The encoded message.
  package func serializedArray() -> [UInt8] {
    withPacker { packer in
      [UInt8](unsafeUninitializedCapacity: packer.size) { buffer, count in
        if let base = buffer.baseAddress, packer.size > 0 { packer.pack(into: base) }
        count = packer.size
      }
    }
  }
}
