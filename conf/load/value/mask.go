package value

import "strings"

// hidden stands for a secret.
const hidden = "********"

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
	return head + hidden
}

func isWordByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
