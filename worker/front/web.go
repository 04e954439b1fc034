package front

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"
)

// Web is the page that shows what director does. The zero value is none.
type Web struct {
	Listen string `json:",omitempty"` // address and port; empty is nowhere, or the Unix socket
	// Socket is the path of a Unix socket. The front may not make it: it inherits the listener.
	Socket string `json:",omitempty"`
	// SocketGroup may open the Unix socket, beside root; empty is nobody else.
	SocketGroup string   `json:",omitempty"`
	Hosts       []string `json:",omitempty"` // names that browsers may call it by, beside the address
	// TLS says that Listen is encrypted, with Certificate and Key in PEM form.
	TLS              bool   `json:",omitempty"`
	Certificate, Key []byte `json:",omitempty"`
	// Tokens allow the actions; without one the page only shows.
	Tokens []Token `json:",omitempty"`
	// Problem says why the page cannot be served as it is asked for; empty is nothing.
	Problem string `json:",omitempty"`
}

// Token is one that allows actions. The front knows what it hashes to and not the token itself, so
// that whoever takes the front over can do nothing until somebody has shown him one.
type Token struct {
	Name string            // of who has it
	Hash [sha256.Size]byte // of the token
}

// Wanted says whether there is a page.
func (w Web) Wanted() bool { return w.Listen != "" || w.Socket != "" }

// NewToken is what the front is told of a token.
func NewToken(name, secret string) Token {
	return Token{Name: clean(name, 60), Hash: sha256.Sum256([]byte(secret))}
}

// Holder is who has a token; empty is that it is none. It takes the same time for each.
func (w Web) Holder(token string) (name string) {
	hash := sha256.Sum256([]byte(token))
	found := -1
	for n, t := range w.Tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(t.Hash[:], hash[:]), n, found)
	}
	if found < 0 {
		return ""
	}
	return w.Tokens[found].Name
}

// WebListenerFD is the file descriptor of the Unix socket that the page is served at.
const WebListenerFD = fd + 1

// PageInterval is the least time between two snapshots that are asked for while pages are open: a
// page that is up to date to two seconds costs half of one that is to one.
const PageInterval = 2 * time.Second
