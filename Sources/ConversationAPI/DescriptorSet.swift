import ConversationWire

/// The contract's descriptors, for reflection and for calls by name.
package enum DescriptorSet {
  /// A serialized `google.protobuf.FileDescriptorSet`: every proto and what it imports, dependencies first.
  package static let bytes: [UInt8] = {
    var size_bytes = 0
    let start = lifeecho_descriptor_set(&size_bytes)
    return Array(UnsafeBufferPointer(start: start, count: size_bytes))
  }()
}
