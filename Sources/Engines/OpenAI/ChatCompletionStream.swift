import Conversation
import Foundation

/// What a streamed chat completion says, event by event. Sans-I/O. It survives what servers really send: a first chunk
/// with or without a role, null content, a usage chunk without choices, keep-alive events of every kind, half an emoji,
/// thoughts before the reply, an error object in mid-stream, a numeric or textual error code, an end by `[DONE]`, by
/// `finish_reason`, or by both.
struct ChatCompletionStream {
  enum Progress: Equatable {
    case text(String)
    /// The reply is whole, whatever follows.
    case finished
  }

  private var parser = ServerSentEventParser()
  private var surrogates = SurrogateEscapes()
  private var reasoning = ReasoningFilter()
  private var isFinished = false
  private var responseBytes = 0
  private var replyBytes = 0

  init() {}

  /// Hands what `bytes` add to `emit`, up to the first error or the end of the reply.
  mutating func feed(_ bytes: some Collection<UInt8>, _ emit: (Progress) -> Void) throws(ChatModelError) {
    responseBytes += bytes.count
    guard responseBytes <= Limits.responseBytes else { throw .tooLarge(limit_bytes: Limits.responseBytes) }
    for byte in bytes {
      guard let event = try parse(byte) else { continue }
      guard !isFinished else { return }
      let text = event.data == "[DONE]" ? finish() : try read(event)
      if !text.isEmpty { emit(.text(text)) }
      if isFinished { return emit(.finished) }
    }
  }

  /// The response ended. - Throws: `.unreachable` when the reply did not.
  func end() throws(ChatModelError) {
    guard isFinished else { throw .unreachable("the response was cut before the reply was whole") }
  }

  private mutating func parse(_ byte: UInt8) throws(ChatModelError) -> ServerSentEventParser.Event? {
    do {
      return try parser.feed(byte)
    } catch {
      switch error {
      case .tooLong(let limit): throw .tooLarge(limit_bytes: limit)
      case .invalidUTF8: throw .malformed("the event stream is not UTF-8")
      }
    }
  }

  /// What the event adds to the reply; "" for most.
  private mutating func read(_ event: ServerSentEventParser.Event) throws(ChatModelError) -> String {
    let json = Data(event.data.utf8)
    if event.type == "error" { throw ChatModelError(OpenAIErrorBody.streamed(json)) }
    guard !json.isEmpty else { return "" }
    guard let chunk = decode(json) else {
      // Of an event of another name nothing is known.
      guard event.type == "message" else { return "" }
      throw .malformed("an event is not a chat completion chunk")
    }
    if chunk.error != nil { throw ChatModelError(OpenAIErrorBody.streamed(json)) }
    // Only one choice was asked for; a usage chunk has none.
    guard let choice = chunk.choices?.first(where: { ($0.index ?? 0) == 0 }) else { return "" }
    let reason = choice.finish_reason ?? ""
    guard reason != "content_filter" else { throw .refused(status: 200, message: "content_filter") }
    var text = reasoning.feed(choice.delta?.content ?? choice.message?.content ?? "")
    if !reason.isEmpty { text += finish() }
    replyBytes += text.utf8.count
    guard replyBytes <= Limits.replyBytes else { throw .tooLarge(limit_bytes: Limits.replyBytes) }
    return text
  }

  private mutating func decode(_ json: Data) -> ChatCompletionChunk? {
    let decoder = JSONDecoder()
    return (try? decoder.decode(ChatCompletionChunk.self, from: json))
      ?? (try? decoder.decode(ChatCompletionChunk.self, from: surrogates.mend(json)))
  }

  private mutating func finish() -> String {
    isFinished = true
    return reasoning.end()
  }
}

/// The part of a chunk that is used; a whole completion (`message` for `delta`) reads the same.
struct ChatCompletionChunk: Decodable {
  struct Choice: Decodable {
    struct Message: Decodable {
      var content: String?
    }

    var index: Int?
    var delta: Message?
    var message: Message?
    var finish_reason: String?
  }

  struct Present: Decodable {
    init(from decoder: any Decoder) throws {}
  }

  var choices: [Choice]?
  var error: Present?
}
