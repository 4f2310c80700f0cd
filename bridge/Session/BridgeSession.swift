import ConversationAPI
import DequeModule
import JSON
import Logging
import NIOCore
import RPC
import WebSocket

/// One phone's socket: reads its frames at once, never waits while reading, and turns them into calls; turns the
/// conversation's events into frames. Nothing here outlives the socket that the service would not know.
///
/// `@unchecked Sendable`: touched on the connection's event loop only; its tasks run there, too.
final class BridgeSession: WebSocketHandler, @unchecked Sendable {
  enum Phase {
    /// Until the service says Connected: the socket is not read.
    case connecting
    case open
    /// The last frames go out, then the close frame.
    case closing
    case closed
  }

  let request: SessionRequest
  let service: ServiceAccess
  let settings: BridgeSettings
  let observer: BridgeObserver
  let loop: any EventLoop
  let writer: FrameWriter
  private let reader: FrameReader

  private(set) var phase = Phase.connecting
  private(set) var connection: WebSocketConnection?
  private var metadata: Metadata

  // The service's events.
  var stream: PolledCall<ConversationV1.ConnectRequest, ConversationV1.ConversationEvent>?
  var events = EventPosition()
  /// Events are not taken until the phone has taken more frames.
  var isWaitingForOutput = false

  // Frames to the phone.
  private var output = PacedOutput()
  var order: CommandOrder
  private var closeWhenDrained: (code: WebSocketCloseCode, reason: String)?

  // Commands from the phone.
  var commands: Deque<PhoneCommand> = []
  var runner: Task<Void, Never>?
  var isRunning = false
  var endRequest: String?
  var wakeEnd: CheckedContinuation<Void, Never>?
  var wakeRecognition: (command: CommandOrder.ID, continuation: CheckedContinuation<Void, Never>)?
  var pendingCancel: ConversationV1.CancelSpeechRequest?
  var isCancelling = false
  var cancelEpoch: Int64 = 0
  var voices: [RecordingUpload] = []
  /// Recordings whose last segment came and whose words have not; at most `Limits.voiceSessions`, oldest first.
  var unheard: [String] = []
  private var waitingAudio_bytes = 0
  private var isReadingPaused = true

  // The position that the phone confirmed, and the one that is being stored.
  private var confirmed: Int64 = 0
  private var stored: Int64 = 0
  private var isStoring = false
  /// The position to ask for, whether a ping for one is unanswered or about to be sent, and when the last one was.
  private var wanted: Int64 = 0
  private var isAsking = false
  private var lastAsked = NIODeadline.uptimeNanoseconds(0)

  private var ageTimer: Scheduled<Void>?
  private var orderTimer: Scheduled<Void>?

  init(
    _ request: SessionRequest, metadata: Metadata, service: ServiceAccess, settings: BridgeSettings,
    observer: BridgeObserver, loop: any EventLoop
  ) {
    self.request = request
    self.metadata = metadata
    self.service = service
    self.settings = settings
    self.observer = observer
    self.loop = loop
    writer = FrameWriter(conversation: request.conversation, isVersion2: request.isVersion2)
    reader = FrameReader(isVersion2: request.isVersion2)
    order = CommandOrder(isStrict: !request.isVersion2)
  }

  var conversation: String { request.conversation }
  var isVersion2: Bool { request.isVersion2 }
  var isOver: Bool { phase == .closed }

  /// Runs on the loop, beginning at once. Call it there.
  func launch(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    loop.preconditionInEventLoop()
    return LoopTasks.begin(on: loop, work)
  }

  func callOptions(timeout_s: Int64? = nil) -> CallOptions {
    CallOptions(metadata: metadata, timeout: timeout_s.map { .seconds($0) })
  }

  /// The service refused the bridge's own token.
  func renewCredentials() async {
    do {
      metadata = try await service.metadata(user: request.user, isRefused: true)
    } catch {
      observer.tokenProblem(error)
    }
  }

  // MARK: The socket

  func opened(_ connection: WebSocketConnection) {
    self.connection = connection
    observer.opened(self)
    connection.pauseReading()
    // It was being identified when the others were sent away.
    guard !observer.isDraining else { return bridgeStops() }
    beginEvents()
  }

  func receivedText(_ text: ByteBuffer) { receive(reader.read(text)) }

  func receivedBinary(_ bytes: ByteBuffer) {
    receive(isVersion2 ? BinarySegment.read(bytes) : .refused(nil, text: Text.failed, isMalformed: true))
  }

  private func receive(_ frame: ClientFrame) {
    observer.received(frame)
    switch phase {
    // Before `connect` only a socket that has ended already brings what was read from it: it is passed on.
    case .open, .connecting:
      handle(frame)
      pauseOrResume()
    case .closing: if frame == .ping { send(writer.frame(.pong)) }
    case .closed: break
    }
  }

  func writabilityChanged(_ isWritable: Bool) {
    if isWritable { resumeEvents() }
  }

  func closed(code: WebSocketCloseCode, isClean: Bool) {
    guard phase != .closed else { return }
    phase = .closed
    observer.closed(self, code: code)
    connection = nil
    endEvents()
    ageTimer?.cancel()
    orderTimer?.cancel()
    wakeRunner()
    for voice in voices { voice.finish() }
    guard runner != nil || !voices.isEmpty else { return }
    // What was read is still passed on; the service may not take for ever to take it.
    loop.scheduleTask(in: .seconds(Limits.lastWords_s)) { self.abandon() }
  }

  private func abandon() {
    runner?.cancel()
    for voice in voices { voice.cancel() }
  }

  /// The socket is read while there is room for what it brings.
  private func pauseOrResume() {
    let isFull =
      commands.count >= Limits.waitingCommands || order.count >= Limits.waitingCommands
      || waitingAudio_bytes > Limits.waitingAudio_bytes || phase == .connecting
    guard isFull != isReadingPaused else { return }
    isReadingPaused = isFull
    if isFull { connection?.pauseReading() } else { connection?.resumeReading() }
  }

  func audioWaits(_ count_bytes: Int) {
    waitingAudio_bytes += count_bytes
  }

  func audioTaken(_ count_bytes: Int) {
    waitingAudio_bytes -= count_bytes
    pauseOrResume()
  }

  func commandTaken() { pauseOrResume() }

  // MARK: Frames out

  /// At once, past everything that waits.
  func send(_ frame: ByteBuffer) {
    guard let connection else { return }
    observer.sent()
    connection.send(text: frame)
  }

  /// In the order of events and commands. `command`: what caused it, if a command of this socket did.
  func put(_ frame: OutgoingFrame, of command: CommandOrder.ID? = nil) {
    guard connection != nil else { return }
    var passed: OutgoingFrame? = frame
    if let command { passed = order.pass(frame, of: command) }
    guard let passed else { return }
    output.append(passed)
    drain()
  }

  func finish(_ command: CommandOrder.ID) {
    // All of them before any is sent: sending may take new events, whose frames come after these.
    for frame in order.finish(command) where connection != nil { output.append(frame) }
    drain()
    wakeRunner()
    pauseOrResume()
  }

  private func drain() {
    let wasPausing = output.isPausing
    while let frame = output.take() {
      send(frame.bytes)
      if frame.isConfirmed { askForConfirmation(frame.sequence) }
    }
    if output.isPausing, !wasPausing {
      loop.scheduleTask(in: settings.piecePause) {
        self.output.pauseEnded()
        self.drain()
      }
    }
    resumeEvents()
    if output.isEmpty, let (code, reason) = closeWhenDrained { close(code, reason: reason) }
  }

  /// True while no more events should be taken from the service.
  var isOutputFull: Bool {
    output.count >= Limits.pacedFrames || connection?.hasBuffered(moreThan: Limits.output_bytes) == true
  }

  // MARK: The end

  func close(_ code: WebSocketCloseCode, reason: String = "") {
    guard phase != .closed else { return }
    phase = .closing
    closeWhenDrained = nil
    endEvents()
    connection?.close(code, reason: reason)
    if isReadingPaused {
      // A close frame is answered only when it is read.
      isReadingPaused = false
      connection?.resumeReading()
    }
  }

  /// After everything that waits has been sent.
  func closeAfterOutput(_ code: WebSocketCloseCode, reason: String = "") {
    guard phase == .open || phase == .connecting else { return }
    phase = .closing
    closeWhenDrained = (code, reason)
    if output.isEmpty { close(code, reason: reason) }
  }

  /// Tells why, then closes with 1008.
  func refuse(_ text: String, code: String) {
    send(writer.error(text, code: code))
    close(.policyViolation, reason: text)
  }

  /// The service is away, or stops: come back.
  func sendAway() {
    close(.serviceRestart, reason: BridgeServer.retryReason())
  }

  /// The bridge stops: come back in a while, each phone in another.
  func bridgeStops() {
    let delay_s = Int.random(in: Limits.retryAfter_s)
    if isVersion2, phase == .open {
      send(
        writer.frame(.goAway) { data in
          data.member("reason", "DRAINING")
          data.member("reconnect_delay", delay_s)
        })
    }
    close(.serviceRestart, reason: "retry in \(delay_s) s")
  }

  // MARK: Phase changes

  /// The service knows the phone now: `connect` goes out first.
  func becomeOpen(_ connected: ConversationV1.Connected) {
    guard phase == .connecting else { return }
    phase = .open
    sendConnect(connected)
    let age = isVersion2 && request.tokenExpiry > 0 ? request.timeToExpiry() : settings.legacySession
    ageTimer = loop.scheduleTask(in: age) { self.becameOld(since: .now()) }
    pauseOrResume()
  }

  /// The token expired, or the session of a phone that cannot renew it is old. Speech and replies may end first.
  private func becameOld(since start: NIODeadline) {
    guard phase == .open else { return }
    let isBusy =
      !order.isEmpty || !output.isEmpty || events.isTurnRunning || !unheard.isEmpty
      || voices.contains { !$0.isComplete }
    if isVersion2, isBusy, NIODeadline.now() - start < .seconds(Limits.expiryGrace_s) {
      ageTimer = loop.scheduleTask(in: .seconds(1)) { self.becameOld(since: start) }
      return
    }
    if isVersion2 {
      close(WebSocketCloseCode(4401), reason: "token expired")
    } else {
      close(.goingAway)
    }
  }

  /// A command whose answers hold up others does so for a bounded time.
  func watchOrder() {
    guard orderTimer == nil, let first = order.first else { return }
    orderTimer = loop.scheduleTask(in: .seconds(Limits.replyWait_s)) {
      self.orderTimer = nil
      guard self.phase == .open else { return }
      if self.order.first == first { self.finish(first) }
      self.watchOrder()
    }
  }

  // MARK: Delivery (LEGACY §3.5)

  /// Asks the phone to confirm all events up to `sequence` that were sent.
  func askForConfirmation(_ sequence: Int64) {
    guard request.device != nil else { return }
    let held = min(order.lowestSequence ?? .max, output.lowestSequence ?? .max)
    let safe = min(sequence, held &- 1)
    guard safe > confirmed, safe > wanted else { return }
    wanted = safe
    // Who answers only the newest of several pings (RFC 6455 §5.5.3) is asked again.
    if !isAsking || .now() - lastAsked > .seconds(Limits.confirmation_s) { ask() }
  }

  /// One ping at a time, and not too many: a phone's pongs are limited.
  private func ask() {
    isAsking = true
    let next = lastAsked + .milliseconds(Limits.confirmation_ms)
    guard next <= .now() else {
      loop.scheduleTask(deadline: next) { self.ask() }
      return
    }
    lastAsked = .now()
    connection?.ping(UInt64(wanted))
  }

  func receivedPong(_ payload: UInt64) {
    guard let sequence = Int64(exactly: payload), sequence > confirmed, sequence <= events.position else { return }
    confirmed = sequence
    isAsking = false
    if wanted > confirmed { ask() }
    storeConfirmation()
  }

  /// What fails is stored when the service is there again.
  func storeConfirmation() {
    guard !isStoring, stored < confirmed, let device = request.device else { return }
    isStoring = true
    _ = launch {
      while self.stored < self.confirmed {
        let sequence = self.confirmed
        let acknowledgement = ConversationV1.AcknowledgeEventsRequest(
          conversationID: self.conversation, deviceID: device, sequence: sequence)
        let answer = await self.call { try await $0.acknowledgeEvents(acknowledgement, options: $1) }
        guard case .success = answer else { break }
        self.stored = sequence
      }
      self.isStoring = false
    }
  }
}
