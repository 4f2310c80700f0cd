package import Logging
import TimeText

/// One line of plain text, for a person at a terminal. Control characters are escaped, so that no text can forge a
/// line or drive the terminal.
package struct TextLogHandler: LogHandler {
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
    line.append(contentsOf: UTCTime.now().text(fractionDigits: 3).utf8)
    line.append(contentsOf: " \(event.level.rawValue.uppercased()) \(label): ".utf8)
    Self.append(event.message.description, to: &line)
    if let error = event.error {
      line.append(contentsOf: " error=".utf8)
      Self.append(String(describing: error), to: &line)
    }
    let metadata = LogMetadata.merged(handler: metadata, provider: metadataProvider, event: event.metadata)
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      line.append(UInt8(ascii: " "))
      Self.append("\(key)=\(value)", to: &line)
    }
    line.append(UInt8(ascii: "\n"))
    writer.write(line)
  }

  private static func append(_ text: String, to line: inout [UInt8]) {
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0A: line.append(contentsOf: "\\n".utf8)
      case 0..<0x20, 0x7F..<0xA0: line.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".utf8)
      default: line.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
  }
}
