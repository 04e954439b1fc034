package conf

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// readyQueries are the conversations that have a name. Each ends so that the server does not
// take the check for a client that fails, where its protocol has such an end.
var readyQueries = map[string][]QueryStep{
	// -NOAUTH and -NOPERM come from a server that serves those who log in; -LOADING and
	// -MASTERDOWN do not.
	"redis": {{Send: "PING\r\n"}, {Expect: `^(\+PONG|-NOAUTH|-NOPERM)`}, {Send: "QUIT\r\n"}},
	// The greeting: length, sequence, protocol 10, version. An error has 0xff there.
	"mysql": {{Expect: `(?s)^...\x00\x0a[0-9]`}},
	// StartupMessage of user and database "director". 28000, 28P01 and 3D000 come from a server
	// that would serve another user; 57P03 (starting up) and 53300 (full) do not.
	"postgres": {{Send: "\x00\x00\x00\x29\x00\x03\x00\x00user\x00director\x00database\x00director\x00\x00"},
		{Expect: `(?s)^(R|E.*C(28000|28P01|3D000)\x00)`}, {Send: "X\x00\x00\x00\x04"}},
	"imap": {{Expect: `^\* (OK|PREAUTH)[^\n]*\n`}, {Send: "a LOGOUT\r\n"}, {Expect: `(?m)^(\* BYE|a OK)`}},
	"pop3": {{Expect: `^\+OK[^\n]*\n`}, {Send: "QUIT\r\n"}, {Expect: `^\+OK`}},
	// An anonymous bind. Beside success: those who log in otherwise would be served.
	"ldap": {{Send: "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"},
		{Expect: `(?s)^\x30.{1,6}?\x02\x01\x01\x61.{1,6}?\x0a\x01[\x00\x08\x0d\x30\x31\x35]`},
		{Send: "\x30\x05\x02\x01\x02\x42\x00"}},
}

// ReadyQueries are the names of ready conversations, sorted.
func ReadyQueries() []string { return slices.Sorted(maps.Keys(readyQueries)) }

// Conversation is what is said: the steps, or those of a ready one.
func (q *QueryCheckParams) Conversation() []QueryStep {
	if q.Query != "" {
		return readyQueries[q.Query]
	}
	return q.Steps
}

// Pattern is the expression of an expect step, in RE2.
func (s QueryStep) Pattern() (*regexp.Regexp, error) { return regexp.Compile(s.Expect) }

// Bytes says whether the expression is of bytes: it names one of \x80 to \xff. Others are of text,
// in UTF-8. Of bytes each counts as the character of its number.
func (s QueryStep) Bytes() bool { return highByte.MatchString(s.Expect) }

var highByte = regexp.MustCompile(`\\x[89a-fA-F][0-9a-fA-F]`)

// Unescape makes bytes of a text with \r, \n, \t, \0, \\ and \xHH.
func Unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", errors.New(`it ends with \`)
		}
		switch s[i] {
		case 'r':
			b.WriteByte('\r')
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case '0':
			b.WriteByte(0)
		case '\\', '"':
			b.WriteByte(s[i])
		case 'x':
			if i+2 >= len(s) {
				return "", errors.New(`\x needs two hexadecimal digits`)
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", errors.New(`\x needs two hexadecimal digits`)
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			return "", fmt.Errorf(`\%c is not known`, s[i])
		}
	}
	return b.String(), nil
}

// Escape is the text of which Unescape makes s.
func Escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\\':
			b.WriteString(`\\`)
		case c < ' ' || c >= 0x7f || c == '"':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
