/// What the parser does with texts on which JSON implementations disagree.
package enum JSONStrictness: Sendable, Hashable {
    /// For requests: a repeated member name, half a surrogate pair and invalid UTF-8 are errors.
    ///
    /// A name that one reader takes from its first and another from its last occurrence can smuggle a value past a check
    /// (RFC 8259, section 4, and RFC 7493, section 2).
    case strict
    /// For providers' answers, where a paid image must not be lost to an emoji cut in half.
    ///
    /// The last member of a name wins, what is not Unicode becomes U+FFFD, `NaN` becomes `null`, and whatever follows the
    /// text's value is ignored. Strings handed to a ``LongStringSink`` keep their invalid UTF-8.
    case forgiving
}
