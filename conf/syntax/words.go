package syntax

import (
	"strings"

	"github.com/lvs-director/director/conf"
)

// QuoteError is a quote without its end.
type QuoteError struct {
	Quote  byte // the quote that is open
	Offset int  // where, in bytes from the start of the text
}

// Error names the quote.
func (e *QuoteError) Error() string { return "missing terminating " + string(e.Quote) }

// ShellWords splits the Raw text of a keyword that is quoted shell-like
// (scripts): blanks separate, "…" and '…' protect them, adjacent parts are one
// word, a backslash stays and keeps the next character from being a quote or a
// blank. The words are the command, the user and the group. Columns are counted
// from at. The error is a *QuoteError.
func ShellWords(raw string, at conf.Pos) ([]Token, error) {
	var words []Token
	for i := 0; i < len(raw); {
		if isBlank[raw[i]] {
			i++
			continue
		}
		pos := at
		if at.Col > 0 {
			pos.Col += int32(i)
		}
		text, quoted, end, err := shellWord(raw, i, nil)
		if err != nil {
			return words, err
		}
		words = append(words, Token{Text: text, Pos: pos, Quoted: quoted})
		i = end
	}
	return words, nil
}

// CommandArgv splits a command, the first of the ShellWords, into its
// arguments: quotes as in ShellWords, and the escapes \a \b \E \f \n \r \t \v
// \ooo \xHH \cC are replaced, inside quotes too; any other \C is C. The error
// is a *QuoteError.
func CommandArgv(command string) ([]string, error) {
	var argv []string
	for i := 0; i < len(command); {
		if isBlank[command[i]] {
			i++
			continue
		}
		text, _, end, err := shellWord(command, i, unescape)
		if err != nil {
			return argv, err
		}
		argv = append(argv, text)
		i = end
	}
	return argv, nil
}

// shellWord reads the word at text[i]. escape gives the meaning of the
// backslash at an offset and the offset after it; nil leaves it as it is.
func shellWord(text string, i int, escape func(string, int) (byte, int)) (word string, quoted bool, end int,
	err error) {
	var b strings.Builder
	var quote byte
	opened := 0
	for i < len(text) {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			if escape == nil {
				b.WriteString(text[i : i+2])
				i += 2
				continue
			}
			c, i = escape(text, i)
			b.WriteByte(c)
			continue
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, opened, quoted = c, i, true
		case isBlank[c]:
			return b.String(), quoted, i, nil
		default:
			b.WriteByte(c)
		}
		i++
	}
	if quote != 0 {
		return "", quoted, i, &QuoteError{quote, opened}
	}
	return b.String(), quoted, i, nil
}

// unescape gives the character that the escape at text[i] stands for, and the
// offset after it. There is a character after the backslash.
func unescape(text string, i int) (byte, int) {
	c := text[i+1]
	i += 2
	switch c {
	case 'a':
		return '\a', i
	case 'b':
		return '\b', i
	case 'E':
		return 0x1b, i
	case 'f':
		return '\f', i
	case 'n':
		return '\n', i
	case 'r':
		return '\r', i
	case 't':
		return '\t', i
	case 'v':
		return '\v', i
	case 'c':
		if i < len(text) {
			return text[i] & 0x1f, i + 1
		}
	case 'x':
		if v, end := digits(text, i, 16, 2); end > i {
			return v, end
		}
	default:
		if v, end := digits(text, i-1, 8, 3); end > i-1 {
			return v, end
		}
	}
	return c, i
}

// digits reads up to limit digits of the base; the value is cut to a byte.
func digits(text string, i, base, limit int) (byte, int) {
	v := 0
	for ; limit > 0 && i < len(text); limit-- {
		d := strings.IndexByte("0123456789abcdef", text[i]|0x20)
		if text[i] < '0' || d < 0 || d >= base {
			break
		}
		v = v*base + d
		i++
	}
	return byte(v), i
}
