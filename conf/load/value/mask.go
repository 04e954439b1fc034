package value

import (
	"strings"

	"github.com/lvs-director/director/conf"
)

// hidden stands for a secret.
const hidden = conf.Mask

// secretLines are the words that begin a line with a secret, where they are not told by secretWords.
// A text that is not understood yet has no keyword tables.
var secretLines = []string{"send", "body", "payload", "token", "cookie", "authorization", "proxy-authorization", "x-",
	"meticulous"}

// secretWords are in the names of keywords and definitions whose value is a
// secret, also misspelt ones.
var secretWords = []string{"pass", "secret", "pwd", "hmac"}

// MaskLine hides what a source line says after a word that announces a secret,
// so that a finding can show the line.
func MaskLine(line string) string {
	lower := strings.Map(func(r rune) rune { // byte for byte: indexes are those of line
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, line)
	if len(lower) != len(line) { // not UTF-8
		return hidden
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
	if j := strings.Index(lower, "hex:"); j >= 0 && (at < 0 || j < at) {
		return line[:j+len("hex:")] + hidden // a key, wherever it stands
	}
	if at < 0 {
		fields := strings.Fields(lower)
		for _, w := range secretLines {
			if len(fields) > 1 && strings.HasPrefix(strings.Trim(fields[0], "\"'"), w) {
				return hideBehindFirst(line)
			}
		}
		// The keys of auth_hmac: key ID VALUE.
		if len(fields) < 3 || strings.Trim(fields[0], "\"'") != "key" {
			return conf.MaskCommand(line)
		}
		fields = strings.Fields(line)
		at = strings.Index(line, fields[1]) + len(fields[1])
	}
	head := line[:at]
	for at < len(line) && strings.IndexByte(" \t=\"'{", line[at]) >= 0 {
		head += string(line[at])
		at++
	}
	return head + hidden
}

// hideBehindFirst leaves the first word of a line.
func hideBehindFirst(line string) string {
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	end := strings.IndexAny(line[indent:], " \t\"'{=")
	if end < 0 {
		return line
	}
	return line[:indent+end] + " " + hidden
}

func isWordByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
