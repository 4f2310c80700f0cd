package import CProtobufC

/// A message with a C struct made by protoc-gen-c. Generated code conforms; the struct lives in an ``Arena``.
///
/// In the structs a string is bytes, an enum is `int32_t` and a map is a list of entries (see protos/tools).
///
/// Where protobuf-c is stricter or simpler than the wire format's description: groups and known fields with a foreign
/// wire type are malformed; of a singular message that comes in several parts (no encoder in use writes that) the last
/// part's scalars count, and with an unset oneof in it the whole is malformed.
package protocol StructMessage: WireMessage {
  associatedtype Struct

  static var type: UnsafePointer<ProtobufCMessageDescriptor> { get }

  /// Copies the values. Strings must be UTF-8 without U+0000; the error names the field.
  init(_ message: UnsafePointer<Struct>) throws(WireError)

  /// Makes the struct in the arena.
  func make(in arena: Arena) -> UnsafeMutablePointer<Struct>
}

extension StructMessage {
  @inlinable
  package init(serializedBytes bytes: UnsafeRawBufferPointer) throws(WireError) {
    let budget_bytes = Limits.decodeBudget_bytes(messageSize: bytes.count)
    let arena = Arena.enter(budget_bytes: budget_bytes)
    defer { arena.leave() }
    let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    guard let message = protobuf_c_message_unpack(Self.type, arena.allocator, bytes.count, start) else {
      throw arena.isExhausted ? .tooLarge(limit_bytes: budget_bytes) : .malformed
    }
    try self.init(UnsafeRawPointer(message).assumingMemoryBound(to: Struct.self))
  }

  @inlinable
  package func withPacker<R>(_ body: (WirePacker) throws -> R) rethrows -> R {
    let arena = Arena.enter(budget_bytes: .max)
    defer { arena.leave() }
    let message = UnsafeMutableRawPointer(make(in: arena)).assumingMemoryBound(to: ProtobufCMessage.self)
    return try body(WirePacker(message: message))
  }
}
