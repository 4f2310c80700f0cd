import RPC

/// Whether the service behind a bridge answers. It is asked when somebody wants to know, and not more often than an answer
/// is old.
actor ServiceProbe {
  /// How long an answer is good for.
  private static let age = Duration.seconds(2)
  /// How long one is waited for; probes give up after a few seconds.
  private static let patience = Duration.seconds(2)

  private let health: HealthV1.HealthClient
  private var last: (problems: [String], time: ContinuousClock.Instant)?
  private var running: Task<[String], Never>?

  init(_ channel: any ClientChannel) { health = HealthV1.HealthClient(channel) }

  /// Why no phone should come; empty: the service answers.
  func problems() async -> [String] {
    if let last, ContinuousClock.now - last.time < Self.age { return last.problems }
    if let running { return await running.value }
    let task = Task { [health] in await Self.ask(health) }
    running = task
    let problems = await task.value
    running = nil
    last = (problems, .now)
    return problems
  }

  private static func ask(_ health: HealthV1.HealthClient) async -> [String] {
    do {
      let answer = try await health.check(.init(), options: CallOptions(timeout: patience))
      return answer.status == .serving ? [] : ["the service is not serving"]
    } catch {
      return ["the service does not answer: \((error as? Status)?.message ?? "\(error)")"]
    }
  }
}
