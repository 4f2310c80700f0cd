import AsyncHTTPClient
package import Conversation
import Foundation
import NIOCore

/// A recogniser behind `/audio/transcriptions` of any OpenAI-compatible server (OpenAI, deploy/local-speech, …).
/// Thread-safe. It asks once: who calls decides about further tries. Nothing a person said and no key is ever logged or
/// put into an error.
package final class OpenAISpeechRecognizer: SpeechRecognizer {
  package let name = "openai"
  private let configuration: OpenAIRecognizerConfiguration
  private let client: EngineClient
  private let converter: AudioConverter
  private let transcriptGuard: TranscriptGuard

  /// Call ``shutdown()`` in the end.
  package init(configuration: OpenAIRecognizerConfiguration) {
    self.configuration = configuration
    client = EngineClient(
      baseURL: configuration.baseURL, apiKey: configuration.apiKey, connectTimeout: configuration.connectTimeout)
    converter = AudioConverter(program: configuration.ffmpeg)
    transcriptGuard = TranscriptGuard(prompt: configuration.prompt)
  }

  package func shutdown() async {
    await client.shutdown()
  }

  package func transcribe(_ recording: Recording) async throws -> String {
    // Away from an event loop: looking through megabytes and copying them takes milliseconds.
    try await withTaskExecutorPreference(globalConcurrentExecutor) {
      do {
        return try await self.recognise(recording)
      } catch {
        try Task.checkCancellation()
        throw Self.recognitionError(error)
      }
    }
  }

  private func recognise(_ recording: Recording) async throws -> String {
    var bytes = recording.bytes
    var audio = try AudioSniffer.sniff(bytes)
    // Engines refuse what is shorter than a syllable.
    if let duration_ms = audio.duration_ms, duration_ms < Limits.speech_ms_min { return "" }
    if !configuration.containers.contains(audio.container) {
      (bytes, audio) = try await converter.convert(bytes, audio)
    }
    let text = try await ask(bytes, audio)
    return transcriptGuard.clean(text, duration_ms: audio.duration_ms)
  }

  private func ask(_ bytes: [UInt8], _ audio: SniffedAudio) async throws -> String {
    var form = MultipartForm()
    form.add("model", configuration.model)
    if !configuration.language.isEmpty { form.add("language", configuration.language) }
    if !configuration.prompt.isEmpty { form.add("prompt", configuration.prompt) }
    form.add("response_format", "json")
    form.add("file", fileName: "audio.\(audio.container.rawValue)", type: audio.container.mediaType, bytes)
    let type = form.type
    let body = form.body()
    let timeout = configuration.timeout + .milliseconds(audio.duration_ms ?? 0)
    do {
      return try await Watchdog(total: timeout, "the transcript").watch {
        let response = try await self.client.post(
          "/audio/transcriptions", body, type: type, accepting: "application/json", timeout: timeout)
        let json = try await response.body.collect(upTo: Limits.transcriptionBytes)
        guard let answer = try? JSONDecoder().decode(Transcription.self, from: Data(json.readableBytesView)) else {
          throw ExchangeFailure.malformed("the answer is not a transcription")
        }
        return answer.text
      }
    } catch let refusal as Refusal {
      guard !refusal.isTooShort else { return "" }
      guard !refusal.blamesAudio else {
        throw SpeechRecognitionError.invalidAudio("the engine cannot read the recording")
      }
      throw refusal.failure
    }
  }

  private struct Transcription: Decodable {
    var text: String
  }

  private static func recognitionError(_ error: any Error) -> SpeechRecognitionError {
    if let error = error as? SpeechRecognitionError { return error }
    return
      switch ExchangeFailure(error, limit_bytes: Limits.transcriptionBytes, whole: "the transcript")
    {
    case .unreachable(let text), .malformed(let text): .unreachable(text)
    case .timedOut(let what): .timedOut(what)
    case .refused(let status, let message): .refused(status: status, message: message)
    case .tooLarge(let limit): .tooLarge(limit_bytes: limit)
    }
  }
}

extension Refusal {
  /// `audio_too_short` of OpenAI: nothing can have been said.
  fileprivate var isTooShort: Bool {
    status == 400 && OpenAIErrorBody.object(body)?.code?.text == "audio_too_short"
  }

  /// Whether it is the recording that the engine cannot use, rather than the request: OpenAI names the field `file`, or
  /// none and says so in words.
  fileprivate var blamesAudio: Bool {
    if status == 415 { return true }
    guard status == 400 || status == 422 else { return false }
    if OpenAIErrorBody.object(body)?.param?.text == "file" { return true }
    let text = String(decoding: body, as: UTF8.self).lowercased()
    return text.contains("invalid file format") || text.contains("audio file")
  }
}

extension AudioContainer {
  var mediaType: String {
    switch self {
    case .m4a: "audio/mp4"
    case .aac: "audio/aac"
    case .mp3: "audio/mpeg"
    case .ogg: "audio/ogg"
    case .webm: "audio/webm"
    case .wav: "audio/wav"
    case .threeGP: "audio/3gpp"
    }
  }
}
