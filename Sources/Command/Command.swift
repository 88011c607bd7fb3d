import Easel
import LibEvent

@main
enum Command {
    static func main() {}
}
