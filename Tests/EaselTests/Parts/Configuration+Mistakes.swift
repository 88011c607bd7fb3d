import Testing

@testable import Easel

extension Result where Success == Configuration, Failure == MistakeList {
    /// Insists that the configuration was refused for one mistake, and gives that.
    func onlyMistake(sourceLocation: SourceLocation = #_sourceLocation) throws -> Mistake {
        let mistakes = try mistakes(sourceLocation: sourceLocation)
        try #require(mistakes.count == 1, "\(mistakes)", sourceLocation: sourceLocation)
        return mistakes[0]
    }

    /// Insists that the configuration was refused, and gives every reason.
    func mistakes(sourceLocation: SourceLocation = #_sourceLocation) throws -> [Mistake] {
        var refusal: MistakeList?
        if case .failure(let mistakes) = self { refusal = mistakes }
        return try #require(refusal, "the configuration was accepted", sourceLocation: sourceLocation).all
    }
}
