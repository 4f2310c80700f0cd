import RPC

/// Whether the service behind a bridge answers, and takes its token. It is asked when somebody wants to know, and not more often than an answer
/// is old.
actor ServiceProbe {
  /// How long an answer is good for.
  private static let age = Duration.seconds(2)
  /// How long one is waited for; probes give up after a few seconds.
  private static let patience = Duration.seconds(2)

  private let health: HealthV1.HealthClient
  private let token: ServiceTokenFile
  private var last: (problems: [String], time: ContinuousClock.Instant)?
  private var running: Task<[String], Never>?

  init(_ channel: any ClientChannel, _ token: ServiceTokenFile) {
    health = HealthV1.HealthClient(channel)
    self.token = token
  }

  /// Why no phone should come; empty: the service answers.
  func problems() async -> [String] {
    if let last, ContinuousClock.now - last.time < Self.age { return last.problems }
    if let running { return await running.value }
    let task = Task { [health, token] in await Self.ask(health, token) }
    running = task
    let problems = await task.value
    running = nil
    last = (problems, .now)
    return problems
  }

  private static func ask(_ health: HealthV1.HealthClient, _ token: ServiceTokenFile) async -> [String] {
    do {
      let answer = try await health.check(.init(), options: CallOptions(timeout: patience))
      guard answer.status == .serving else { return ["the service is not serving"] }
      _ = try await token.current(isRefused: true)
      return []
    } catch let problem as ServiceTokenFile.Problem {
      return ["service token: \(problem)"]
    } catch {
      return ["the service does not answer: \((error as? Status)?.message ?? "\(error)")"]
    }
  }
}
