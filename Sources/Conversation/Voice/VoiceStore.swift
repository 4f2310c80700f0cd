/// What is durable of speech (design §6, §7). Each method is one transaction and one round trip; an answer means that
/// what it says is durable. Throws `ConversationError`, as `Store`.
package protocol VoiceStore: SegmentStore {
  /// Ends a running recording with what is stored of it; `nil`: there is none.
  func endRecording(_ key: VoiceSessionKey, gapPatience_ms: Int64, now: Timestamp) async throws -> EndedRecording?
  /// Leases segments that wait for recognition, with their audio: of whoever has fewest in hand, then of whoever waits
  /// longest. Those of dead servers too.
  func claimSegments(_ claim: ClaimSegments) async throws -> ClaimedSegments
  /// Prolongs. Not fsynced: a lost renewal only ends a lease early.
  func renewSegments(server: ServerID, leases: [SegmentLease], duration_ms: Int64) async throws
  /// True when the session has nothing left to wait for: finish it.
  func endRecognition(_ end: RecognitionEnd) async throws -> Bool
  /// Sessions that may have ended by the clock, or whose finishing was interrupted.
  func dueSessions(now: Timestamp, limit: Int) async throws -> [VoiceSessionKey]
  /// Ends a session that has nothing left to wait for, in one transaction: a message and its turn, or a failure.
  /// `nil`: it has ended, or it is not time yet.
  func finishSession(_ command: FinishSession) async throws -> FinishedSession?
  /// Opens a failed session's segments again; any other session is left alone.
  func retryTranscription(_ key: VoiceSessionKey, now: Timestamp) async throws -> VoiceSessionState
  func voiceSession(_ key: VoiceSessionKey) async throws -> VoiceSessionRecord
  /// Sessions of which nothing was recognised and whose audio is there, oldest first; of all users.
  func failedSessions(limit: Int) async throws -> [VoiceSessionKey]
  /// A recording has begun: when to say that somebody listens; `nil`: it was said, or need not be. One of which something
  /// was stored within the delay goes on, and keeps its time; without a stored segment it begins anew.
  func armFeedback(_ key: VoiceSessionKey, delay_ms: Int64, now: Timestamp) async throws -> ArmedFeedback?
  /// True for the one caller, on any server, that says it now; false for a recording that was begun anew since `armed`.
  func fireFeedback(_ key: VoiceSessionKey, armed: Timestamp, now: Timestamp) async throws -> Bool
  /// Charges one call of Transcribe; `.rateLimited` when the hour's are used up.
  func admitTranscription(user: UserID, speech_ms: Int64, now: Timestamp) async throws
}

/// The part of it that takes segments.
package protocol SegmentStore: Sendable {
  /// Stores segments of one session; the first one admits it against the quota: `.quotaExceeded`.
  func storeSegments(_ command: StoreSegments) async throws -> StoredSegments
  /// The same for the next segments of running recordings, several at once, without a lock of a conversation. Of one that
  /// is not plainly that, nothing is stored: `nil`.
  func extendRecordings(_ commands: [StoreSegments]) async throws -> [StoredSegments?]
}

package struct StoreSegments: Sendable {
  /// `generation`: what the stream knows; 0 before its first answer.
  package var key: VoiceSessionKey
  /// Names the call: the one that brought index 0 may not bring it again with other bytes.
  package var stream: String
  package var kind: AudioKind
  package var format: AudioContainer?
  /// Index 0 is alone, since it may begin a generation.
  package var segments: [AudioSegment]
  /// The next one of a recording without gaps, as far as the stream knows.
  package var expectedIndex: Int?
  package var receivedTime: Timestamp
  package var now: Timestamp
  package var abandonment_ms: Int64
  package var gapPatience_ms: Int64

  package init(
    key: VoiceSessionKey, stream: String, kind: AudioKind, format: AudioContainer?, segments: [AudioSegment],
    expectedIndex: Int? = nil, receivedTime: Timestamp, now: Timestamp, abandonment_ms: Int64, gapPatience_ms: Int64
  ) {
    self.key = key
    self.stream = stream
    self.kind = kind
    self.format = format
    self.segments = segments
    self.expectedIndex = expectedIndex
    self.receivedTime = receivedTime
    self.now = now
    self.abandonment_ms = abandonment_ms
    self.gapPatience_ms = gapPatience_ms
  }
}

package struct StoredSegments: Sendable, Equatable {
  package enum Verdict: String, Sendable {
    case stored, duplicate, conflict, full, finished
    case beyondLast = "beyond_last"
  }

  package var generation: Int
  package var state: VoiceSessionState
  package var durable: DurableSegments
  /// One for each segment, in their order.
  package var verdicts: [Verdict]
  /// Everything was recognised before: the session can be finished now.
  package var isDue: Bool
  /// With a session's first and last segment.
  package var quota: QuotaSnapshot?

  package init(
    generation: Int, state: VoiceSessionState, durable: DurableSegments, verdicts: [Verdict], isDue: Bool,
    quota: QuotaSnapshot?
  ) {
    self.generation = generation
    self.state = state
    self.durable = durable
    self.verdicts = verdicts
    self.isDue = isDue
    self.quota = quota
  }
}

package struct ArmedFeedback: Sendable, Equatable {
  package var generation: Int
  package var wait_ms: Int64
  /// When the recording began.
  package var time: Timestamp

  package init(generation: Int, wait_ms: Int64, time: Timestamp) {
    self.generation = generation
    self.wait_ms = wait_ms
    self.time = time
  }
}

/// A recording that was ended at the session's limit.
package struct EndedRecording: Sendable, Equatable {
  package var generation: Int
  package var state: VoiceSessionState
  package var durable: DurableSegments
  /// Everything is recognised: the session can be finished now.
  package var isDue: Bool

  package init(generation: Int, state: VoiceSessionState, durable: DurableSegments, isDue: Bool) {
    self.generation = generation
    self.state = state
    self.durable = durable
    self.isDue = isDue
  }
}

/// A server's right to recognise a segment. A result under an older number is refused.
package struct SegmentLease: Sendable, Hashable {
  package var key: VoiceSessionKey
  package var index: Int
  package var number: Int64

  package init(key: VoiceSessionKey, index: Int, number: Int64) {
    self.key = key
    self.index = index
    self.number = number
  }
}

/// What one server has room for.
package struct ClaimSegments: Sendable {
  package var server: ServerID
  /// No other server lives: what they have leased is taken, too.
  package var alone: Bool
  /// Of the lease.
  package var duration_ms: Int64
  package var limit: Int
  /// Whose segments this server has in hand; each as often as it has one.
  package var busy: [UserID]
  /// As `ClaimedSegments.next` of the round before.
  package var after: UserID?
  package var now: Timestamp

  package init(
    server: ServerID, alone: Bool = false, duration_ms: Int64, limit: Int, busy: [UserID] = [], after: UserID? = nil,
    now: Timestamp
  ) {
    self.server = server
    self.alone = alone
    self.duration_ms = duration_ms
    self.limit = limit
    self.busy = busy
    self.after = after
    self.now = now
  }
}

package struct ClaimedSegments: Sendable {
  package var segments: [ClaimedSegment]
  /// More people have work than were looked at: the next round begins after this one.
  package var next: UserID?

  package init(segments: [ClaimedSegment], next: UserID?) {
    self.segments = segments
    self.next = next
  }
}

package struct ClaimedSegment: Sendable {
  package var lease: SegmentLease
  package var recording: Recording
  /// Times it was taken up, with this one.
  package var attempts: Int
  /// Times an engine failed on it.
  package var failures: Int
  package var storeTime: Timestamp
  /// Times its lease was lost before: a server died in it, or was cut off.
  package var losses: Int { attempts - failures - 1 }

  package init(lease: SegmentLease, recording: Recording, attempts: Int, failures: Int, storeTime: Timestamp) {
    self.lease = lease
    self.recording = recording
    self.attempts = attempts
    self.failures = failures
    self.storeTime = storeTime
  }
}

/// How the work on a segment ended.
package struct RecognitionEnd: Sendable {
  package enum Result: Sendable, Equatable {
    case recognised(String)
    /// `backoff_ms`: another attempt follows then; `nil`: it is given up.
    case failed(TranscriptionFailureReason, backoff_ms: Int64?)
  }

  package var lease: SegmentLease
  package var result: Result
  /// The engine's name.
  package var recognizer: String
  package var now: Timestamp

  package init(lease: SegmentLease, result: Result, recognizer: String, now: Timestamp) {
    self.lease = lease
    self.result = result
    self.recognizer = recognizer
    self.now = now
  }
}

package struct FinishSession: Sendable {
  package var key: VoiceSessionKey
  package var message: MessageID
  package var turn: TurnID
  package var lease: LeaseRequest
  package var now: Timestamp
  package var abandonment_ms: Int64
  package var gapPatience_ms: Int64
  package var audioRetention_ms: Int64
  package var failedAudioRetention_ms: Int64
  /// Silence before this does not count: the service was not there.
  package var servingSince: Timestamp
  /// Nobody will recognise what waits.
  package var engineIsMissing: Bool

  package init(
    key: VoiceSessionKey, message: MessageID, turn: TurnID, lease: LeaseRequest, now: Timestamp,
    servingSince: Timestamp = Timestamp(microseconds: 0), settings: VoiceSettings, engineIsMissing: Bool = false
  ) {
    self.servingSince = servingSince
    self.key = key
    self.message = message
    self.turn = turn
    self.lease = lease
    self.now = now
    abandonment_ms = settings.abandonment_ms
    gapPatience_ms = settings.gapPatience_ms
    audioRetention_ms = settings.audioRetention_ms
    failedAudioRetention_ms = settings.failedAudioRetention_ms
    self.engineIsMissing = engineIsMissing
  }
}

package struct FinishedSession: Sendable {
  /// What was appended to the log.
  package var events: [DurableEvent]
  /// Set when the session's turn runs on this server from now on.
  package var leased: LeasedTurn?

  package init(events: [DurableEvent], leased: LeasedTurn?) {
    self.events = events
    self.leased = leased
  }
}
