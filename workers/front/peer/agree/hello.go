package agree

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// The versions of the protocol that this program speaks. A new field or a new kind of message does not
// change them: what is not known is ignored. A changed meaning does.
const (
	Version = 1
	Oldest  = 1
)

// Limits of what is read from somebody who has not proved anything.
const (
	MaxHello = 1 << 10 // bytes of a frame
	maxName  = 255     // bytes of a host's name
	idLength = 32      // hexadecimal digits
)

// Errors that a meeting may end with, for those who say more of each.
var (
	ErrKey      = errors.New("it uses another key")
	ErrProtocol = errors.New("it speaks another version of the protocol")
	ErrItself   = errors.New("it is this host itself")
)

// Hello is the first that each side says. Nothing of it is believed before its sender has proved the key.
type Hello struct {
	Protocol int    `json:"protocol"`
	Oldest   int    `json:"oldest"` // that its sender speaks too
	Name     string `json:"name"`   // of the host
	ID       string `json:"id"`     // of the process, random
}

// Read reads a Hello, and says what of it cannot be.
func Read(text []byte) (h Hello, err error) {
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("reading its greeting: %w", err)
	}
	id, err := hex.DecodeString(h.ID)
	switch {
	case err != nil || 2*len(id) != idLength:
		return h, errors.New("its greeting has no identity")
	case h.Name == "" || len(h.Name) > maxName || !utf8.ValidString(h.Name):
		return h, errors.New("its greeting has no name of a host")
	case h.Protocol < 1 || h.Oldest < 1 || h.Oldest > h.Protocol:
		return h, errors.New("its greeting has no version")
	}
	for _, c := range h.Name {
		if !unicode.IsPrint(c) {
			return h, errors.New("its greeting has a name that cannot be printed")
		}
	}
	return h, nil
}

// Agreed is the version that both speak.
func Agreed(own, other Hello) (int, error) {
	if own.ID == other.ID {
		return 0, ErrItself
	}
	v := min(own.Protocol, other.Protocol)
	if v < own.Oldest || v < other.Oldest {
		return 0, fmt.Errorf("%w: %d to %d, and this host %d to %d", ErrProtocol, other.Oldest, other.Protocol, own.Oldest,
			own.Protocol)
	}
	return v, nil
}
