package conf

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a password or a key. It shows itself nowhere: texts, logs, JSON
// and every format verb get a mask. encoding/gob carries it whole, and
// string(s) is the secret for those who need it.
type Secret string

// Mask stands where a secret is not shown.
const Mask = "********"

// String is a mask, or "" when there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Mask
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
