import RPC

/// Fetches a server's descriptors by `grpc.reflection.v1`.
struct ReflectionClient {
  private let client: ReflectionV1.ServerReflectionClient

  init(_ channel: any ClientChannel) { client = ReflectionV1.ServerReflectionClient(channel) }

  /// A serialized FileDescriptorSet of every service the server lists.
  func descriptorSet(for method: String) async throws -> [UInt8] {
    let call = client.serverReflectionInfo()
    var files: [String: [UInt8]] = [:]
    var order: [String] = []
    for service in try await services(call) {
      try await ask(call, .fileContainingSymbol(service), &files, &order)
    }
    call.finishWriting()
    // Field 1 of FileDescriptorSet, length-delimited.
    return order.reduce(into: []) { bytes, name in
      let file = files[name] ?? []
      bytes.append(0x0A)
      var length = file.count
      while length > 0x7F {
        bytes.append(UInt8(length & 0x7F | 0x80))
        length >>= 7
      }
      bytes.append(UInt8(length))
      bytes += file
    }
  }

  private typealias Call = ClientCall<ReflectionV1.ServerReflectionRequest, ReflectionV1.ServerReflectionResponse>
  private typealias Question = ReflectionV1.ServerReflectionRequest.MessageRequest

  private func services(_ call: Call) async throws -> [String] {
    try await call.write(ReflectionV1.ServerReflectionRequest(messageRequest: .listServices("")))
    guard case .listServicesResponse(let list)? = try await call.next()?.messageResponse else {
      throw CommandFailure("the server has no reflection")
    }
    return list.service.map(\.name)
  }

  private func ask(
    _ call: Call, _ question: Question, _ files: inout [String: [UInt8]], _ order: inout [String]
  ) async throws {
    try await call.write(ReflectionV1.ServerReflectionRequest(messageRequest: question))
    guard case .fileDescriptorResponse(let response)? = try await call.next()?.messageResponse else { return }
    for file in response.fileDescriptorProto {
      let header = FileHeader(file)
      guard files[header.name] == nil else { continue }
      files[header.name] = file
      for dependency in header.dependencies where files[dependency] == nil {
        try await ask(call, .fileByFilename(dependency), &files, &order)
      }
      order.append(header.name)
    }
  }
}

/// Name and imports of a serialized FileDescriptorProto.
private struct FileHeader {
  var name = ""
  var dependencies: [String] = []

  init(_ bytes: [UInt8]) {
    var reader = ProtobufReader(bytes[...])
    while let field = reader.next() {
      guard let content = field.bytes else { continue }
      if field.number == 1 { name = String(decoding: content, as: UTF8.self) }
      if field.number == 3 { dependencies.append(String(decoding: content, as: UTF8.self)) }
    }
  }
}
