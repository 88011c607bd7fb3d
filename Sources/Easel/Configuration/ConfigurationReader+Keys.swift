import Crypto
import YAML

// Keys that the owner keeps in the file, by their digests.
extension ConfigurationReader {
    static func readKeys(of keys: Section, into configuration: inout Configuration) {
        guard keys.node.mapping != nil else {
            return keys.mistakes.report(
                keys.node.position, "'keys' must be a mapping of names, each like {sha256: \"…\", budget: 20.00/month}")
        }
        for (entry, section) in keys.sections {
            guard entry.key.utf8.allSatisfy(isNameCharacter), (1...nameLimit).contains(entry.key.utf8.count) else {
                keys.mistakes.report(
                    entry.keyPosition,
                    "the name of a key has letters, digits, '-', '_' and '.', \(nameLimit) at most; '\(entry.key)' does not"
                )
                continue
            }
            guard
                section.allow(
                    "sha256", "models", "budget", "rpm", "images_per_minute", "concurrency", "expires", "unknown_prices"
                )
            else { continue }
            let (models, limits) = (models(section, configuration), limits(section))
            guard let digest = digest(entry, section) else { continue }
            if let twin = configuration.keys.first(where: { $0.digest == digest }) {
                section.mistakes.report(
                    section.position(of: "sha256"), "'\(section.path)' is the same key as 'keys.\(twin.name)'")
            }
            configuration.keys.append(DeclaredKey(name: entry.key, digest: digest, models: models, limits: limits))
        }
    }

    /// The longest name, in bytes.
    private static let nameLimit = 64

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }

    private static func digest(_ entry: Node.Entry, _ section: Section) -> Digest? {
        if section.node["sha256"] == nil {
            section.mistakes.report(
                entry.keyPosition, "'\(section.path)' needs the sha256 of a key; 'easel keys hash' tells it")
        }
        return section.value("sha256", like: "the 64 digits that 'easel keys hash' prints") {
            Digest(hexadecimal: $0.lowercased())
        }
    }

    private static func models(_ section: Section, _ configuration: Configuration) -> [String]? {
        guard let node = section.node["models"], !node.isNull else { return nil }
        guard let names = node.sequence else {
            section.mistakes.report(node.position, "'\(section.path).models' must be a list such as [sandbox]")
            return []
        }
        let known = configuration.models.map(\.name)
        for node in names {
            let name = node.string ?? ""
            guard !known.contains(name) else { continue }
            section.mistakes.report(node.position, "there is no model '\(name)'\(didYouMean(name, among: known))")
        }
        return names.compactMap(\.string)
    }

    private static func limits(_ section: Section) -> KeyLimits {
        let number = "60, from 1 to \(KeyLimits.numberLimit)"
        var limits = KeyLimits()
        limits.budget = budget(section)
        limits.requestsPerMinute = section.value("rpm", like: number, parse: KeyLimits.number)
        limits.imagesPerMinute = section.value("images_per_minute", like: number, parse: KeyLimits.number)
        limits.concurrency = section.value("concurrency", like: number, parse: KeyLimits.number)
        limits.expiresAt = section.value("expires", like: "2027-01-31") { Day($0)?.start }
        limits.unknownPrices = section.value("unknown_prices", like: "allow or refuse") {
            $0 == "allow" ? true : $0 == "refuse" ? false : nil
        }
        return limits
    }

    /// One text with every amount, or a list of amounts.
    private static func budget(_ section: Section) -> Budget {
        guard let amounts = section.node["budget"]?.sequence else {
            return section.value("budget", like: Budget.example, parse: Budget.init) ?? Budget()
        }
        guard let budget = Budget(amounts.map { $0.string ?? "" }.joined(separator: ",")) else {
            section.mistakes.report(
                section.position(of: "budget"),
                "'\(section.path).budget' is no list of amounts such as [20.00/month, 5/day]")
            return Budget()
        }
        return budget
    }
}
