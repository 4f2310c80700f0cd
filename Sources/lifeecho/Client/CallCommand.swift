import ArgumentParser
import Auth
import ConversationAPI
import Foundation
import Operations
import Protobuf
import ProtobufJSON
import RPC

struct CallCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "call", abstract: "Call any RPC: JSON in, JSON lines out.",
    discussion: """
      METHOD is a name such as SendText or lifeecho.conversation.v1.ConversationService/SendText. Requests come as the \
      JSON argument, or, without one, as JSON lines on stdin. An error's status goes to stderr, its details as JSON.
      """)

  @Argument(help: "The method, with or without its service.")
  var method: String

  @Argument(help: "The request.")
  var json: String?

  @Option(help: "Act as this user, with a token signed with the server's secret.")
  var user: String?

  @Option(help: "Use this token.")
  var token: String?

  @Option(name: .customLong("header"), help: ArgumentHelp("Metadata; may be repeated.", valueName: "name: value"))
  var headers: [String] = []

  @Option(help: ArgumentHelp("Deadline, such as 5s.", valueName: "duration"))
  var timeout: String?

  @Flag(help: "Ask the server for its descriptors instead of using the built-in ones.")
  var reflection = false

  @OptionGroup var server: ServerOptions

  func run() async throws {
    try await reportingFailure {
      let options = try await callOptions()
      try await server.withChannel { channel in
        let descriptors =
          reflection
          ? try await ReflectionClient(channel).descriptorSet(for: method) : DescriptorSet.bytes
        let pool = try DescriptorPool(fileDescriptorSet: descriptors)
        do {
          try await call(pool, channel, options)
        } catch let status as Status where !status.details.isEmpty {
          let text = try pool.decodeToJSON(status.details, as: GoogleRPC.Status.protobufName)
          Terminal.complain("\(status)\n\(text)")
          throw ExitCode.failure
        }
      }
    }
  }

  private func call(_ pool: DescriptorPool, _ channel: any ClientChannel, _ options: CallOptions) async throws {
    let found = try pool.method(named: method)
    let parts = found.path.split(separator: "/").map(String.init)
    let type: CallType =
      switch (found.clientStreaming, found.serverStreaming) {
      case (false, false): .unary
      case (true, false): .clientStreaming
      case (false, true): .serverStreaming
      case (true, true): .bidirectional
      }
    let call = channel.begin(
      Method<RawMessage, RawMessage>(parts[0], parts[1], type), request: nil, options: options)
    let requests: [String] =
      if let json { [json] } else if type.streamsRequests { Array(AnyIterator { readLine() }) } else { ["{}"] }
    for request in requests {
      try await call.write(RawMessage(bytes: try pool.encodeJSON(request, as: found.inputType)))
    }
    call.finishWriting()
    while let response = try await call.next() {
      Terminal.show(try pool.decodeToJSON(response.bytes, as: found.outputType))
    }
  }

  private func callOptions() async throws -> CallOptions {
    var options = CallOptions(
      timeout: try timeout.map { text in try naming("--timeout") { try DurationText.parse(text) } })
    var bearer = token
    if bearer == nil, let user { bearer = try await server.token(user: user, ttl: .seconds(3600)) }
    if bearer == nil {
      // Nobody named: a service token, where the secret is at hand.
      bearer = try? await server.token(user: nil, scopes: Set(Scope.allCases), ttl: .seconds(3600))
    }
    if let bearer { options.metadata.append("authorization", "Bearer \(bearer)") }
    for header in headers {
      guard let colon = header.firstIndex(of: ":") else { throw CommandFailure("--header \(header): no colon") }
      let name = header[..<colon].lowercased().trimmingCharacters(in: .whitespaces)
      let value = header[header.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      guard options.metadata.append(name, value) else { throw CommandFailure("--header \(name): not allowed") }
    }
    return options
  }
}
