import Conversation
import Dispatch
import Foundation
import Synchronization

/// One run of ffmpeg in a private directory that goes with it.
final class ConversionRun: Sendable {
  private enum State {
    case waiting
    case running(Int32)
    case cancelled
    case ended
  }

  private let program: String
  private let timeout: Duration
  private let folder: URL
  private let state = Mutex(State.waiting)

  init(program: String, timeout: Duration, folder: URL) {
    self.program = program
    self.timeout = timeout
    self.folder = folder
  }

  func cancel() {
    let running: Int32? = state.withLock { state in
      defer { state = .cancelled }
      if case .running(let process) = state { return process }
      return nil
    }
    if let running { kill(running, SIGKILL) }
  }

  /// Blocks until ffmpeg has ended: for a thread of its own.
  func convert(_ bytes: [UInt8], _ container: AudioContainer) throws -> [UInt8] {
    let workplace = try PrivateFolder(in: folder)
    defer { workplace.remove() }
    let folder = workplace.url
    let input = folder.appendingPathComponent("in")
    let output = folder.appendingPathComponent("out")
    let messages = folder.appendingPathComponent("messages")
    guard FileManager.default.createFile(atPath: input.path, contents: Data(bytes)),
      FileManager.default.createFile(atPath: messages.path, contents: nil)
    else { throw SpeechRecognitionError.unreachable("the recording could not be written for ffmpeg") }
    let errors = try FileHandle(forWritingTo: messages)
    defer { try? errors.close() }
    let status: Int32
    switch try run(arguments(container), in: folder, errors: errors) {
    // Nor its own: the kernel was short of memory, an operator ended it, or its limits did.
    case .signal(let signal): throw SpeechRecognitionError.unreachable("ffmpeg was ended by signal \(signal)")
    case .exit(let code): status = code
    }
    guard status == 0 else {
      let reason = Self.lastLine(messages)
      // Not the recording's fault.
      guard !reason.contains("No space left on device") else {
        throw SpeechRecognitionError.unreachable("there is no space left for ffmpeg")
      }
      throw SpeechRecognitionError.invalidAudio("ffmpeg cannot read the recording: \(reason)")
    }
    guard let converted = try? Data(contentsOf: output) else {
      throw SpeechRecognitionError.invalidAudio("nothing in the recording could be decoded")
    }
    return [UInt8](converted)
  }

  /// The format is the one that was seen, so that no playlist, script or list of other files is taken for audio; only
  /// plain files may be opened; only these decoders may run.
  private func arguments(_ container: AudioContainer) -> [String] {
    [
      "-nostdin", "-hide_banner", "-v", "error", "-y", "-threads", "1",
      "-protocol_whitelist", "file", "-codec_whitelist", Self.decoders, "-f", Self.demuxer(container), "-i", "file:in",
      "-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1",
      "-t", "\(Limits.recording.components.seconds)", "-ac", "1", "-ar", "16000", "-c:a", "aac", "-b:a", "32k",
      "-threads", "1", "-fs", "\(Limits.convertedBytes)", "-movflags", "+faststart", "-f", "ipod", "file:out",
    ]
  }

  private static let decoders =
    "aac,aac_latm,alac,mp3,mp3float,opus,libopus,vorbis,flac,amrnb,amrwb,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_u8"
    + ",pcm_alaw,pcm_mulaw,libopencore_amrnb,libopencore_amrwb"

  private static func demuxer(_ container: AudioContainer) -> String {
    switch container {
    case .m4a, .threeGP: "mov"
    case .aac: "aac"
    case .mp3: "mp3"
    case .ogg: "ogg"
    case .webm: "matroska"
    case .wav: "wav"
    }
  }

  private enum End {
    case exit(Int32)
    case signal(Int32)
  }

  private func run(_ arguments: [String], in folder: URL, errors: FileHandle) throws -> End {
    let process = Process()
    let seconds = timeout.components.seconds + 1
    // util-linux's prlimit, where it is there: a file made to cost its reader much costs this much at most.
    if let prlimit = Executable.path("prlimit") {
      process.executableURL = URL(fileURLWithPath: prlimit)
      process.arguments =
        [
          "--cpu=\(seconds)", "--as=\(Limits.conversionMemoryBytes)", "--fsize=\(2 * Limits.convertedBytes)",
          "--nofile=32", "--core=0", "--", program,
        ] + arguments
    } else {
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = arguments
    }
    process.currentDirectoryURL = folder
    process.environment = ["LC_ALL": "C", "AV_LOG_FORCE_NOCOLOR": "1"]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    let ended = DispatchSemaphore(value: 0)
    process.terminationHandler = { [self] _ in
      state.withLock { if case .running = $0 { $0 = .ended } }
      ended.signal()
    }
    try start(process)
    let deadline = DispatchTime.now() + .milliseconds(Int(clamping: timeout.milliseconds))
    let isLate = ended.wait(timeout: deadline) == .timedOut
    if isLate {
      kill(process.processIdentifier, SIGKILL)
      ended.wait()
    }
    if state.withLock({ if case .cancelled = $0 { true } else { false } }) { throw CancellationError() }
    guard !isLate else { throw SpeechRecognitionError.timedOut("the conversion by ffmpeg") }
    return process.terminationReason == .exit ? .exit(process.terminationStatus) : .signal(process.terminationStatus)
  }

  /// Under the lock, so that a cancellation comes either before the process or finds it.
  private func start(_ process: Process) throws {
    try state.withLock { state in
      if case .cancelled = state { throw CancellationError() }
      do {
        try process.run()
      } catch {
        throw SpeechRecognitionError.unreachable("ffmpeg could not be started")
      }
      state = .running(process.processIdentifier)
    }
  }

  private static func lastLine(_ file: URL) -> String {
    guard let text = try? String(decoding: Data(contentsOf: file).suffix(Limits.messageBytes), as: UTF8.self) else {
      return "no message"
    }
    let line = text.split(whereSeparator: \.isNewline).last ?? "no message"
    return String(line.filter { $0.isASCII && !$0.isNewline })
  }
}

extension Duration {
  var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
