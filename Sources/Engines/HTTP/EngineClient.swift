import AsyncHTTPClient
import Conversation
import Foundation
import NIOCore
import NIOHTTP1

/// One engine behind an OpenAI-compatible HTTP server: its connections, its key, and what every request carries.
final class EngineClient: Sendable {
  private let base: String
  private let apiKey: APIKey?
  private let client: HTTPClient

  /// Call ``shutdown()`` in the end.
  /// - Parameter baseURL: up to and without the endpoint's path, such as `http://127.0.0.1:8000/v1`.
  init(baseURL: String, apiKey: APIKey?, connectTimeout: Duration) {
    base = String(
      baseURL.prefix(upTo: baseURL.lastIndex { $0 != "/" }.map(baseURL.index(after:)) ?? baseURL.startIndex))
    self.apiKey = apiKey
    var settings = HTTPClient.Configuration()
    settings.timeout.connect = TimeAmount(connectTimeout)
    // Following a redirect would hand the API key to whoever the server names.
    settings.redirectConfiguration = .disallow
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Limits.connections
    // Its own retries would go on until the deadline and hide that the server is away.
    settings.connectionPool.retryConnectionEstablishment = false
    client = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: settings)
  }

  func shutdown() async {
    try? await client.shutdown()
  }

  /// Sends `body` and gives the response once its head is there, if that says 200.
  /// - Parameters:
  ///   - path: of the endpoint, such as `/chat/completions`.
  ///   - timeout: for the response's head; a `Watchdog` is for the rest.
  /// - Throws: `Refusal` for any other status; else what async-http-client throws.
  func post(
    _ path: String, _ body: ByteBuffer, type: String, accepting accept: String, timeout: Duration
  ) async throws -> HTTPClientResponse {
    var request = HTTPClientRequest(url: base + path)
    request.method = .POST
    request.headers = ["content-type": type, "accept": accept, "user-agent": "lifeecho"]
    if let trace = CallTrace.current {
      request.headers.add(name: "x-request-id", value: trace.requestID)
      if let traceparent = trace.traceparent { request.headers.add(name: "traceparent", value: traceparent) }
    }
    if let apiKey { request.headers.add(name: "authorization", value: "Bearer \(apiKey.text)") }
    request.body = .bytes(body)
    let response = try await client.execute(request, timeout: TimeAmount(timeout))
    guard response.status == .ok else {
      throw Refusal(
        status: Int(response.status.code), body: try await Self.errorBody(response.body),
        retryAfter: RetryPolicy.retryAfter(response.headers.first(name: "retry-after"), now: Date()))
    }
    return response
  }

  /// As much as there is, and as is looked at: the status says what happened, whatever becomes of the body.
  private static func errorBody(_ body: HTTPClientResponse.Body) async throws -> Data {
    var start = Data()
    do {
      for try await part in body {
        start.append(contentsOf: part.readableBytesView.prefix(Limits.errorBodyBytes - start.count))
        if start.count == Limits.errorBodyBytes { break }
      }
    } catch {
      try Task.checkCancellation()
    }
    return start
  }
}

/// An HTTP status other than 200, with what came along.
struct Refusal: Error {
  var status: Int
  var body: Data
  /// What the server asked for.
  var retryAfter: Duration?

  var failure: ExchangeFailure { .refused(status: status, message: OpenAIErrorBody.names(body)) }
}

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
