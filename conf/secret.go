package conf

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Secret is a password or a key. It shows itself nowhere: texts, logs, JSON
// and every format verb get a mask. encoding/gob carries it whole, and
// string(s) is the secret for those who need it.
type Secret string

const mask = "********"

// String is a mask, or "" when there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString is the mask in quotes.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// Format writes the mask, whatever the verb.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' || f.Flag('#') {
		_, _ = io.WriteString(f, s.GoString())
		return
	}
	_, _ = io.WriteString(f, s.String())
}

// MarshalText gives the mask to JSON and its like; gob does not ask it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue gives the mask to slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// secretWords are in the names of keywords and definitions whose value is a
// secret, also misspelt ones.
var secretWords = []string{"pass", "secret", "pwd", "hmac"}

// maskLine hides what a source line says after a word that announces a secret,
// so that a finding can show the line.
func maskLine(line string) string {
	lower := strings.Map(func(r rune) rune { // byte for byte: indexes are those of line
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, line)
	if len(lower) != len(line) { // not UTF-8
		return mask
	}
	at := -1
	for _, w := range secretWords {
		for i := 0; ; {
			j := strings.Index(lower[i:], w)
			if j < 0 {
				break
			}
			i += j + len(w)
			end := i
			for end < len(line) && (isWordByte(line[end])) {
				end++
			}
			// auth_type PASS, auth_pass and auth_hmac { have no secret behind them there.
			rest := strings.TrimLeft(line[end:], " \t=\"'{")
			if rest != "" && (at < 0 || end < at) {
				at = end
			}
		}
	}
	if at < 0 {
		// The keys of auth_hmac: key ID VALUE.
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "key" {
			return line
		}
		at = strings.Index(line, fields[1]) + len(fields[1])
	}
	head := line[:at]
	for at < len(line) && strings.IndexByte(" \t=\"'{", line[at]) >= 0 {
		head += string(line[at])
		at++
	}
	return head + mask
}

func isWordByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
