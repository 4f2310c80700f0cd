package import Logging
import TimeText

/// One JSON object per line: time, level, logger, message, and error and metadata when there are any. Whoever logs
/// sees to it that neither holds a user's words or a token.
package struct JSONLogHandler: LogHandler {
  package var logLevel: Logger.Level
  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  private let label: String
  private let writer: LogWriter

  package init(label: String, level: Logger.Level, writer: LogWriter) {
    self.label = label
    logLevel = level
    self.writer = writer
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var line: [UInt8] = []
    line.reserveCapacity(256)
    line.append(contentsOf: "{\"time\":\"".utf8)
    line.append(contentsOf: UTCTime.now().text(fractionDigits: 3).utf8)
    line.append(contentsOf: "\",\"level\":\"".utf8)
    line.append(contentsOf: event.level.rawValue.utf8)
    line.append(contentsOf: "\",\"logger\":".utf8)
    JSONText.append(label, to: &line)
    line.append(contentsOf: ",\"message\":".utf8)
    JSONText.append(event.message.description, to: &line)
    if let error = event.error {
      line.append(contentsOf: ",\"error\":".utf8)
      JSONText.append(String(describing: error), to: &line)
    }
    let metadata = LogMetadata.merged(handler: metadata, provider: metadataProvider, event: event.metadata)
    if !metadata.isEmpty {
      line.append(contentsOf: ",\"metadata\":".utf8)
      JSONText.append(.dictionary(metadata), to: &line)
    }
    line.append(contentsOf: "}\n".utf8)
    writer.write(line)
  }
}

enum LogMetadata {
  /// The nearer to the call, the stronger.
  static func merged(
    handler: Logger.Metadata, provider: Logger.MetadataProvider?, event: Logger.Metadata?
  ) -> Logger.Metadata {
    var merged = handler
    if let provided = provider?.get(), !provided.isEmpty { merged.merge(provided) { $1 } }
    if let event, !event.isEmpty { merged.merge(event) { $1 } }
    return merged
  }
}

enum JSONText {
  private static let hexadecimal = Array("0123456789abcdef".utf8)

  static func append(_ text: String, to line: inout [UInt8]) {
    line.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        line.append(UInt8(ascii: "\\"))
        line.append(byte)
      case UInt8(ascii: "\n"):
        line.append(contentsOf: "\\n".utf8)
      case 0..<0x20, 0x7F:
        line.append(contentsOf: "\\u00".utf8)
        line.append(hexadecimal[Int(byte >> 4)])
        line.append(hexadecimal[Int(byte & 0xF)])
      default:
        line.append(byte)
      }
    }
    line.append(UInt8(ascii: "\""))
  }

  static func append(_ value: Logger.MetadataValue, to line: inout [UInt8]) {
    switch value {
    case .string(let text): append(text, to: &line)
    case .stringConvertible(let value): append(value.description, to: &line)
    case .array(let values):
      line.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { line.append(UInt8(ascii: ",")) }
        append(value, to: &line)
      }
      line.append(UInt8(ascii: "]"))
    case .dictionary(let members):
      line.append(UInt8(ascii: "{"))
      for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { line.append(UInt8(ascii: ",")) }
        append(member.key, to: &line)
        line.append(UInt8(ascii: ":"))
        append(member.value, to: &line)
      }
      line.append(UInt8(ascii: "}"))
    }
  }
}
