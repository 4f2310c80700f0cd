/// `grpc.reflection.v1.ServerReflection` and its elder twin v1alpha, over a serialized `FileDescriptorSet`.
package struct ReflectionService: Sendable {
  private let index: DescriptorIndex
  private let services: [String]

  /// - Parameters:
  ///   - descriptorSet: all files of the services and what they import.
  ///   - services: what `list_services` names; nil for all services of the set.
  /// - Throws: `DescriptorIndex.MalformedDescriptorSet`.
  package init(descriptorSet: [UInt8], services: [String]? = nil) throws {
    index = try DescriptorIndex(descriptorSet)
    self.services = (services ?? index.services).sorted()
  }

  /// Adds both versions.
  package func register(on router: inout ServerRouter) {
    router.register(bidirectional: ReflectionV1.ServerReflection.serverReflectionInfo) { requests, responses, _ in
      var sent: Set<String> = []
      for try await request in requests {
        try await responses.write(answer(request, alreadySent: &sent))
      }
    }
    router.register(bidirectional: ReflectionV1Alpha.ServerReflection.serverReflectionInfo) { requests, responses, _ in
      var sent: Set<String> = []
      for try await request in requests {
        let answer = answer(ReflectionV1.ServerReflectionRequest(request), alreadySent: &sent)
        try await responses.write(ReflectionV1Alpha.ServerReflectionResponse(answer, to: request))
      }
    }
  }

  /// - Parameter alreadySent: names of files this stream has sent; they are not sent again as dependencies
  ///   (reflection.proto: "the server … may … only send each file once").
  private func answer(
    _ request: ReflectionV1.ServerReflectionRequest, alreadySent: inout Set<String>
  ) -> ReflectionV1.ServerReflectionResponse {
    var response = ReflectionV1.ServerReflectionResponse(validHost: request.host, originalRequest: request)
    switch request.messageRequest {
    case .listServices:
      response.messageResponse = .listServicesResponse(
        .init(service: services.map { ReflectionV1.ServiceResponse(name: $0) }))
    case .fileByFilename(let name):
      response.messageResponse = files(index.file(named: name), "no file \(name)", &alreadySent)
    case .fileContainingSymbol(let symbol):
      response.messageResponse = files(index.file(defining: symbol), "no symbol \(symbol)", &alreadySent)
    case .fileContainingExtension(let wanted):
      response.messageResponse = error(.notFound, "no extensions of \(wanted.containingType)")
    case .allExtensionNumbersOfType(let type):
      response.messageResponse = error(.notFound, "no extensions of \(type)")
    case nil:
      response.messageResponse = error(.invalidArgument, "the request has no message_request")
    }
    return response
  }

  private func files(
    _ file: DescriptorIndex.File?, _ problem: String, _ alreadySent: inout Set<String>
  ) -> ReflectionV1.ServerReflectionResponse.MessageResponse {
    guard let file else { return error(.notFound, problem) }
    let wanted = index.closure(of: file).filter { $0.name == file.name || !alreadySent.contains($0.name) }
    alreadySent.formUnion(wanted.map(\.name))
    return .fileDescriptorResponse(.init(fileDescriptorProto: wanted.map(\.bytes)))
  }

  private func error(
    _ code: StatusCode, _ message: String
  ) -> ReflectionV1.ServerReflectionResponse.MessageResponse {
    .errorResponse(.init(errorCode: Int32(code.rawValue), errorMessage: message))
  }
}

extension ReflectionV1.ServerReflectionRequest {
  /// The same request of the elder version.
  fileprivate init(_ other: ReflectionV1Alpha.ServerReflectionRequest) {
    self.init(host: other.host)
    switch other.messageRequest {
    case .fileByFilename(let name): messageRequest = .fileByFilename(name)
    case .fileContainingSymbol(let symbol): messageRequest = .fileContainingSymbol(symbol)
    case .fileContainingExtension(let wanted):
      messageRequest = .fileContainingExtension(
        .init(containingType: wanted.containingType, extensionNumber: wanted.extensionNumber))
    case .allExtensionNumbersOfType(let type): messageRequest = .allExtensionNumbersOfType(type)
    case .listServices(let text): messageRequest = .listServices(text)
    case nil: break
    }
  }
}

extension ReflectionV1Alpha.ServerReflectionResponse {
  /// The same response in the elder version.
  fileprivate init(
    _ other: ReflectionV1.ServerReflectionResponse, to request: ReflectionV1Alpha.ServerReflectionRequest
  ) {
    self.init(validHost: other.validHost, originalRequest: request)
    switch other.messageResponse {
    case .fileDescriptorResponse(let files):
      messageResponse = .fileDescriptorResponse(.init(fileDescriptorProto: files.fileDescriptorProto))
    case .allExtensionNumbersResponse(let numbers):
      messageResponse = .allExtensionNumbersResponse(
        .init(baseTypeName: numbers.baseTypeName, extensionNumber: numbers.extensionNumber))
    case .listServicesResponse(let list):
      messageResponse = .listServicesResponse(.init(service: list.service.map { .init(name: $0.name) }))
    case .errorResponse(let error):
      messageResponse = .errorResponse(.init(errorCode: error.errorCode, errorMessage: error.errorMessage))
    case nil: break
    }
  }
}
