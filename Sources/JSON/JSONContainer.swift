/// An array or object whose end has not come yet.
struct JSONContainer {
    /// What an empty array or object is reckoned to cost in memory.
    static let overheadBytes = 64
    /// Members that there is room for at once; more than a small object has would count for nothing in memory's account.
    private static let usualCount = 4

    let isObject: Bool

    private var elements: [JSONValue] = []
    private var members: [JSONObject.Member] = []
    /// The name of the member whose value comes next.
    private var name = ""
    private var isNameKnown = false
    /// The names so far, once there are too many of them to search one by one.
    private var names: Set<String> = []

    init(isObject: Bool) { self.isObject = isObject }

    var value: JSONValue { isObject ? .object(JSONObject(members: members)) : .array(elements) }

    /// Takes the name of the next member, and tells whether it is new.
    mutating func begin(_ name: String) -> Bool {
        self.name = name
        isNameKnown = has(name)
        return !isNameKnown
    }

    /// Adds an element, or the value of the member begun; a repeated name replaces the member before.
    mutating func append(_ value: JSONValue, limits: JSONLimits) throws(Malformed) {
        guard isObject else {
            guard elements.count < limits.elements else {
                throw Malformed("an array has more than \(limits.elements) elements")
            }
            elements.append(value)
            return
        }
        if isNameKnown {
            members.removeAll { $0.name == name }
        } else {
            guard members.count < limits.members else {
                throw Malformed("an object has more than \(limits.members) members")
            }
            remember(name)
        }
        if members.isEmpty { members.reserveCapacity(Self.usualCount) }
        members.append(JSONObject.Member(name: name, value: value))
    }

    private static let linearSearches = 16

    private func has(_ name: String) -> Bool {
        members.count <= Self.linearSearches ? members.contains { $0.name == name } : names.contains(name)
    }

    private mutating func remember(_ name: String) {
        if members.count == Self.linearSearches { names = Set(members.map(\.name)) }
        if members.count >= Self.linearSearches { names.insert(name) }
    }
}
