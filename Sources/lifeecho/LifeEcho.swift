import ArgumentParser

/// `lifeecho`: the service, and the tools to try it and look after it.
@main
struct LifeEcho: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lifeecho",
    abstract: "An AI interviewer that gathers the life stories of elderly people, in Chinese.",
    version: "lifeecho 1.0.0",
    subcommands: [
      ServeCommand.self, BridgeCommand.self, ChatCommand.self, CallCommand.self, TokenCommand.self, MigrateCommand.self,
      RetranscribeCommand.self,
    ])
}
