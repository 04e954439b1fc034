package syntax

// ShellWords splits the Raw text of a keyword that is quoted shell-like
// (scripts): blanks separate, "…" and '…' protect them, adjacent parts are one
// word, a backslash stays and protects the next character from being a quote.
// The words are the command, the user and the group. The error is a
// *QuoteError.
func ShellWords(raw string, at Pos) ([]Token, error) { return nil, nil }

// CommandArgv splits a command, the first of the ShellWords, into its
// arguments: quotes as in ShellWords, and the escapes \a \b \E \f \n \r \t \v
// \ooo \xHH \cC are replaced; any other \C is C. The error is a *QuoteError.
func CommandArgv(command string) ([]string, error) { return nil, nil }

// QuoteError is a quote without its end.
type QuoteError struct {
	Quote  byte // the quote that is open
	Offset int  // where, in bytes from the start of the text
}

// Error names the quote.
func (e *QuoteError) Error() string { return "missing terminating " + string(e.Quote) }
