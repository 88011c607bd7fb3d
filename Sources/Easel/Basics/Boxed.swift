/// A large value that is one word wide wherever it is passed, returned or thrown, and copied when it is changed.
///
/// A function that waits keeps room for every large value that it may be given, for as long as it waits, and thousands of
/// requests do.
indirect enum Boxed<Value> {
    case value(Value)

    var value: Value {
        get {
            switch self {
            case .value(let value): value
            }
        }
        set { self = .value(newValue) }
    }
}

extension Boxed: Sendable where Value: Sendable {}
extension Boxed: Equatable where Value: Equatable {}
extension Boxed: Hashable where Value: Hashable {}
