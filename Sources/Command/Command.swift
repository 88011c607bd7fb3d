import Easel
import Glibc
import LibEvent

/// The program: its arguments go to a command that runs on the event loop, which is this thread.
@main
enum Command {
    static func main() {
        EaselCommand.prepareProcess()
        EventLoop.spawn {
            let status = await EaselCommand.run(Array(CommandLine.arguments.dropFirst()))
            exit(status)
        }
        EventLoop.run()
    }
}
