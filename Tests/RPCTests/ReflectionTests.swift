import Protobuf
import Testing

@testable import RPC

@Suite(.serialized) struct ReflectionTests {
  /// Two files: b.proto (package p.b; imports a.proto; message M with field f and nested enum E; service S with method
  /// Call) and a.proto (package p.a; message A).
  static let descriptorSet: [UInt8] = {
    func message(_ parts: (inout ProtobufWriter) -> Void) -> [UInt8] {
      var writer = ProtobufWriter()
      parts(&writer)
      return writer.bytes
    }
    let a = message {
      $0.string(field: 1, "a.proto")
      $0.string(field: 2, "p.a")
      $0.bytes(field: 4, message { $0.string(field: 1, "A") })
    }
    let b = message { file in
      file.string(field: 1, "b.proto")
      file.string(field: 2, "p.b")
      file.string(field: 3, "a.proto")
      file.bytes(
        field: 4,
        message { type in
          type.string(field: 1, "M")
          type.bytes(field: 2, message { $0.string(field: 1, "f") })
          type.bytes(
            field: 4,
            message {
              $0.string(field: 1, "E")
              $0.bytes(field: 2, message { $0.string(field: 1, "E_ZERO") })
            })
        })
      file.bytes(
        field: 6,
        message {
          $0.string(field: 1, "S")
          $0.bytes(field: 2, message { $0.string(field: 1, "Call") })
        })
    }
    return message {
      $0.bytes(field: 1, a)
      $0.bytes(field: 1, b)
    }
  }()

  @Test(
    arguments: [
      ("p.b.M", "b.proto"), ("p.b.M.f", "b.proto"), ("p.b.M.E", "b.proto"), ("p.b.M.E_ZERO", "b.proto"),
      ("p.b.S", "b.proto"), ("p.b.S.Call", "b.proto"), ("p.a.A", "a.proto"), ("p.a.B", nil), ("A", nil), ("", nil),
    ] as [(String, String?)])
  func symbolsAreFound(symbol: String, file: String?) throws {
    let index = try DescriptorIndex(Self.descriptorSet)
    #expect(index.file(defining: symbol)?.name == file)
    #expect(index.services == ["p.b.S"])
  }

  @Test func brokenDescriptorSetIsRefused() {
    for count in 1..<Self.descriptorSet.count {
      _ = try? DescriptorIndex(Array(Self.descriptorSet[..<count]))
    }
    #expect(throws: DescriptorIndex.MalformedDescriptorSet.self) {
      try DescriptorIndex(Array(Self.descriptorSet.dropLast()))
    }
  }

  @Test(arguments: Transport.allCases)
  func questionsAreAnswered(transport: Transport) async throws {
    let service = try ReflectionService(descriptorSet: Self.descriptorSet)
    try await TestServer.run(transport, extra: { service.register(on: &$0) }) { server async throws in
      let call = server.channel.bidirectional(ReflectionV1.ServerReflection.serverReflectionInfo)
      func ask(_ question: ReflectionV1.ServerReflectionRequest.MessageRequest?) async throws
        -> ReflectionV1.ServerReflectionResponse.MessageResponse?
      {
        try await call.write(.init(host: "h", messageRequest: question))
        let response = try await call.next()
        #expect(response?.validHost == "h")
        #expect(response?.originalRequest?.messageRequest == question)
        return response?.messageResponse
      }
      func names(_ answer: ReflectionV1.ServerReflectionResponse.MessageResponse?) -> [String] {
        guard case .fileDescriptorResponse(let files) = answer else { return [] }
        return files.fileDescriptorProto.map { bytes in
          var reader = ProtobufReader(bytes[...])
          return String(decoding: reader.next()?.bytes ?? [], as: UTF8.self)
        }
      }
      func code(_ answer: ReflectionV1.ServerReflectionResponse.MessageResponse?) -> Int32 {
        guard case .errorResponse(let error) = answer else { return 0 }
        return error.errorCode
      }
      #expect(try await ask(.listServices("*")) == .listServicesResponse(.init(service: [.init(name: "p.b.S")])))
      #expect(names(try await ask(.fileContainingSymbol("p.b.S"))) == ["b.proto", "a.proto"])
      #expect(names(try await ask(.fileContainingSymbol("p.b.M"))) == ["b.proto"])
      #expect(names(try await ask(.fileByFilename("a.proto"))) == ["a.proto"])
      #expect(code(try await ask(.fileByFilename("c.proto"))) == 5)
      #expect(code(try await ask(.fileContainingSymbol("x"))) == 5)
      #expect(code(try await ask(.fileContainingExtension(.init(containingType: "p.b.M", extensionNumber: 1)))) == 5)
      #expect(code(try await ask(.allExtensionNumbersOfType("p.b.M"))) == 5)
      #expect(code(try await ask(nil)) == 3)
      call.finishWriting()
      #expect(try await call.next() == nil)

      let alpha = server.channel.bidirectional(ReflectionV1Alpha.ServerReflection.serverReflectionInfo)
      try await alpha.write(.init(messageRequest: .listServices("")))
      #expect(
        try await alpha.next()?.messageResponse == .listServicesResponse(.init(service: [.init(name: "p.b.S")])))
    }
  }
}
